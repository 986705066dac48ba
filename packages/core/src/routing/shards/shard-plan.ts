import type { ErrorCode } from '../../errors.js'
import type { ShardedTable } from './sharded-tables.js'

/** Where a statement of a sharded herd goes. Shards are indexes of the map's `shards`. */
export type ShardPlan =
  /** Nothing that is spread is touched. */
  | { readonly kind: 'home' }
  | OneShard
  /** It reads reference tables only, which every shard has. */
  | { readonly kind: 'any' }
  /** INSERT … VALUES whose rows belong to several shards; `rows` are indexes into its VALUES. */
  | { readonly kind: 'split'; readonly parts: readonly SplitPart[] }
  | ReadAll
  | WriteAll
  | Refused

export interface OneShard {
  readonly kind: 'one'
  readonly shard: number
}

export interface SplitPart {
  readonly shard: number
  readonly rows: number[]
}

/** It reads rows of several shards, or of shards and the home group. */
export interface ReadAll {
  readonly kind: 'read all'
  /** All rows that can matter to it are on these. */
  readonly shards: readonly number[]
  /** It reads tables of the home group as well. */
  readonly home: boolean
  /**
   * Each row of its one query, before grouping, sorting and limits, is made within one shard, and comes
   * of no more than one of them.
   */
  readonly colocated: boolean
  readonly why: string
}

/** It may be run as it is on each of these shards, in one transaction over all. */
export interface WriteAll {
  readonly kind: 'write all'
  readonly shards: readonly number[]
  /** Each shard does the same to its copy of a reference table: what one answers is the answer. */
  readonly copies: boolean
  readonly why: string
}

/** It is not proven that it would do on shards what it does in one database. */
export interface Refused {
  readonly kind: 'refused'
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string
  /** Who can move rows may do it so nevertheless. */
  readonly move?: Move
}

/** An UPDATE that sets the shard key: rows it leaves on these shards belong where their new keys say. */
export interface Move {
  readonly table: ShardedTable
  readonly shards: readonly number[]
}
