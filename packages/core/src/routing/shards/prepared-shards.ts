import type { KeyType } from '../../sharding/key-type.js'
import type { ValueRef } from '../../sql/index.js'
import type { Pin } from './locate-pin.js'
import type { ReadAll, Refused, ShardPlan, WriteAll } from './shard-plan.js'
import type { ShardedTable } from './sharded-tables.js'

/** All that can be said of where a statement goes without its values; one for all texts of a shape. */
export type PreparedShards =
  | { readonly kind: 'fixed'; readonly plan: ShardPlan }
  /** All shards of the map. */
  | { readonly kind: 'everywhere'; readonly plan: Omit<ReadAll, 'shards'> | Omit<WriteAll, 'shards'> }
  | KeyedStatement

/** A statement that goes where keys say. */
export interface KeyedStatement {
  readonly kind: 'keyed'
  /** What it reads and changes is where all of these say. */
  readonly pins: readonly Pin[]
  /** A table of which it may read or change any row; null when all have pins. */
  readonly unpinned: ShardedTable | null
  readonly inserted: readonly InsertedKeys[]
  /** The keys of rows that queries give to be inserted: they have to be on the one shard of all else. */
  readonly selected: readonly SelectedKeys[]
  readonly home: boolean
  readonly several: Several
  /** It is an UPDATE that sets the shard key of its table: what refuses it for who cannot move rows. */
  readonly moves: Refused | null
  /** A table to speak of. */
  readonly table: ShardedTable
}

/** The keys of the rows of one VALUES. */
export interface InsertedKeys {
  readonly table: ShardedTable
  readonly types: readonly KeyType[]
  readonly rows: readonly (readonly ValueRef[])[]
}

export interface SelectedKeys {
  readonly table: ShardedTable
  readonly pin: Pin
}

/** What becomes of it when it is not for one shard alone. */
export type Several =
  /** Not `plain`: what it calls may read anything anywhere. */
  | { readonly kind: 'read'; readonly colocated: boolean; readonly plain: boolean }
  | { readonly kind: 'write' }
  | { readonly kind: 'split' }
  | { readonly kind: 'refused'; readonly because: 'statements' | 'explain' | 'locks' | 'writes' }
