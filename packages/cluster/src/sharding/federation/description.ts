import type { TableSpec } from '@pgherd/core/spec'

/** A column, or an attribute of a composite type, as SQL says it with an empty search path. */
export interface Column {
  readonly name: string
  readonly type: string
  /** Quoted, with its schema; null: that of the type. */
  readonly collation: string | null
}

/** A type of the user's own that columns use. */
export type OwnType = { readonly schema: string; readonly name: string } & (
  | { readonly kind: 'enum'; readonly labels: readonly string[] }
  /** Its constraints stay with the shards, which hold the rows. */
  | { readonly kind: 'domain'; readonly base: string; readonly collation: string | null }
  | { readonly kind: 'composite'; readonly attributes: readonly Column[] }
)

export interface Extension {
  readonly schema: string
  readonly name: string
}

/** A table as a catalogue has it, with all that its columns rest on, what is needed first in front. */
export interface DescribedTable {
  readonly schema: string
  readonly name: string
  readonly columns: readonly Column[]
  readonly types: readonly OwnType[]
  readonly extensions: readonly Extension[]
  /** Why it cannot be made elsewhere; null: it can. */
  readonly obstacle: string | null
}

/** Where the rows of a table are. */
export type Placement = TableSpec | { readonly kind: 'home' }

/** A table that the federation cannot have, and why. */
export interface SkippedTable {
  /** With its schema. */
  readonly table: string
  readonly reason: string
}

export function nameOf({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return `${schema}.${name}`
}
