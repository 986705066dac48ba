import type { KeyType } from '../../sharding/key-type.js'
import type { QualifiedName } from '../../sql/index.js'

/** A column by whose value rows are placed. */
export interface KeyColumn {
  readonly column: string
  readonly type: KeyType
}

/** A table that is not in the home group: its rows are spread over the shards, or each has them all. */
export interface ShardedTable {
  readonly schema: string
  readonly name: string
  readonly kind: 'sharded' | 'reference'
  /** Empty for a reference table. */
  readonly key: readonly KeyColumn[]
  /** In the table's order, for an INSERT that names none. */
  readonly columns: readonly string[]
  /** Of a reference table, those whose default is another on each server: serial, identity, `now()`. */
  readonly varying: readonly string[]
}

/**
 * All tables that are not in the home group, by name. `search_path` is not followed: a name without a
 * schema is that of the table of this name, whichever schema it is listed in.
 */
export class ShardedTables {
  readonly #byName = new Map<string, ShardedTable[]>()

  constructor(tables: Iterable<ShardedTable>) {
    for (const table of tables) {
      const same = this.#byName.get(table.name)
      if (same === undefined) this.#byName.set(table.name, [table])
      else same.push(table)
    }
  }

  get isEmpty(): boolean {
    return this.#byName.size === 0
  }

  /** Null for a table of the home group; `several` for a name that is listed in several schemas. */
  find({ schema, name }: QualifiedName): ShardedTable | 'several' | null {
    const same = this.#byName.get(name)
    if (same === undefined) return null
    if (schema !== null) return same.find((table) => table.schema === schema) ?? null
    return same.length === 1 ? (same[0] as ShardedTable) : 'several'
  }
}
