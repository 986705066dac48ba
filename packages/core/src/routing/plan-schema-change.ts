import { HerdError } from '../errors.js'
import type { PlacedTable } from '../sharding/placement.js'
import type { ForeignKey, QualifiedName, SchemaChange } from '../sql/index.js'

/** On which groups a schema is changed. */
export interface SchemaPlan {
  readonly where: 'home' | 'shards' | 'everywhere'
  /** On each by itself: it cannot be part of a transaction. */
  readonly apart: boolean
}

/** What is spread over shards, by name. */
export interface PlacedNames {
  table(name: QualifiedName): PlacedTable | null
  /** An index, a sequence or the like of a table that is spread. */
  has(name: QualifiedName): boolean
  /** Sequences made on shards give no number twice (`sharding.sequences: strided`). */
  readonly strided: boolean
}

/** Where a change of the schema belongs. Throws NOT_SUPPORTED where shards could not keep what it promises. */
export function planSchemaChange(change: SchemaChange, placed: PlacedNames): SchemaPlan {
  const { relations, apart, general } = change
  if (general) return { where: 'everywhere', apart }
  const tables = relations.flatMap((name) => placed.table(name) ?? [])
  const isSpread = (name: QualifiedName): boolean => placed.table(name) !== null || placed.has(name)
  const others = relations.filter((name) => !isSpread(name))
  if (others.length === relations.length) {
    for (const { table } of change.references) if (placed.table(table) !== null) throw fromHome(table)
    return { where: 'home', apart }
  }
  if (change.hasQuery)
    throw refused(
      'A view or a table made of a query over tables that are spread would hold what one shard has.',
      'Run the query itself, or make it in the federation database.',
    )
  if (change.temporary)
    throw refused(
      `A temporary table cannot be called ${(relations[0] as QualifiedName).name}, as a table that is spread over shards.`,
      'Give it another name.',
    )
  const [other] = others
  if (other !== undefined)
    throw refused(
      `It names tables that are spread over shards together with ${other.name}, which is in the home group.`,
      'Change them one by one.',
    )
  if (change.renames)
    throw refused(
      'A table that is spread is known to the shard map by its name.',
      'Make a new table, and have it in the spec.',
    )
  if (change.renumbers)
    throw refused(
      'Each shard has a sequence of its own for that column, and all would give the same numbers.',
      'Leave it as it was made, or make the column anew.',
    )
  for (const table of tables) checkTable(change, table, placed)
  return { where: 'shards', apart }
}

function checkTable(change: SchemaChange, table: PlacedTable, placed: PlacedNames): void {
  const { key, kind } = table
  const moved = change.changedColumns.find((column) => key.includes(column))
  if (moved !== undefined)
    throw refused(`Column ${moved} is the shard key: rows are where they are by it.`, 'Keep it as it is.')
  const [drawn] = change.drawnColumns
  if (drawn !== undefined) checkDrawn(drawn, kind, placed)
  if (kind === 'reference') {
    const [varying] = change.varyingColumns
    if (varying !== undefined)
      throw refused(
        `The default of column ${varying} would be another on each shard, and every shard has a copy of this table.`,
        'Say the value in each INSERT.',
      )
  } else {
    const loose = change.uniques.find((columns) => !key.every((column) => columns.includes(column)))
    if (loose !== undefined)
      throw refused(
        `Nothing watches over all shards that (${loose.map((column) => column ?? 'an expression').join(', ')}) is unique: it does not contain the shard key (${key.join(', ')}).`,
        `Add the shard key to it: unique (${[...key, ...loose.filter((column) => column !== null)].join(', ')}).`,
      )
  }
  for (const reference of change.references) checkReference(reference, table, placed)
}

function checkDrawn(column: string, kind: PlacedTable['kind'], { strided }: PlacedNames): void {
  if (kind === 'reference')
    throw refused(
      `Column ${column} would be drawn from a sequence, of which each shard has its own, and every shard has a copy of this table.`,
      'Give each row its number in the INSERT: `nextId()` of the client makes one.',
    )
  if (strided) return
  throw refused(
    `Column ${column} would be drawn from a sequence, of which each shard has its own: numbers would come twice.`,
    'Use `bigint default pgherd.next_id()`, which is unique over all shards, or have `sharding.sequences: strided` in the spec.',
  )
}

function checkReference(
  { columns, table, to }: ForeignKey,
  { kind, key }: PlacedTable,
  placed: PlacedNames,
): void {
  const referenced = placed.table(table)
  if (referenced === null)
    throw refused(
      `A foreign key cannot cross from shards to ${table.name}, which is in the home group.`,
      `Make ${table.name} a reference table, of which every shard has a copy.`,
    )
  if (referenced.kind === 'reference') return
  if (kind === 'reference')
    throw refused(
      `A reference table is whole on every shard, and ${table.name} is not: a foreign key would not hold.`,
      'Leave it out.',
    )
  const target = to.length > 0 ? to : referenced.key
  const isBeside =
    referenced.key.length === key.length &&
    referenced.key.every((column, at) => {
      const place = target.indexOf(column)
      return place >= 0 && columns[place] === key[at]
    })
  if (!isBeside)
    throw refused(
      `A foreign key to ${table.name} must go from shard key to shard key: what it refers to may be on another shard.`,
      `Have (${key.join(', ')}) refer to (${referenced.key.join(', ')}).`,
    )
}

function fromHome({ name }: QualifiedName): HerdError {
  return refused(
    `A foreign key cannot cross from the home group to ${name}, which is spread over shards.`,
    'Spread this table too, or leave the foreign key out.',
  )
}

function refused(message: string, hint: string): HerdError {
  return new HerdError('NOT_SUPPORTED', message, { hint })
}
