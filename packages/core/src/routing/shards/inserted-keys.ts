import { familyOf } from '../../sharding/key-type.js'
import type { BlockColumn, InsertFacts, ValueRef } from '../../sql/index.js'
import { isOfFamily, type KeyGraph, type ValueSet } from './key-graph.js'
import { makePin } from './locate-pin.js'
import type { InsertedKeys, SelectedKeys } from './prepared-shards.js'
import { keyMissing, keyNotPlain, selectedKeyNotProven } from './refusals.js'
import type { Refused } from './shard-plan.js'
import type { KeyColumn, ShardedTable } from './sharded-tables.js'

/** Where an INSERT into a sharded table says the keys of its rows; or why it does not. */
export function readInsertedKeys(
  insert: InsertFacts,
  table: ShardedTable,
  graph: KeyGraph,
): InsertedKeys | SelectedKeys | Refused {
  const places = table.key.map(({ column }) => (insert.columns ?? table.columns).indexOf(column))
  const missing = table.key.find((_, index) => (places[index] as number) < 0)
  if (missing !== undefined) return keyMissing(table, missing.column)
  if (insert.rows !== null) return readRows(insert.rows, places, table)
  const [first] = table.key
  if (insert.selected === null) return selectedKeyNotProven(table, (first as KeyColumn).column)
  return readSelected(insert.selected, places, table, graph)
}

function readRows(
  all: readonly (readonly (ValueRef | null)[])[],
  places: readonly number[],
  table: ShardedTable,
): InsertedKeys | Refused {
  const rows: ValueRef[][] = []
  for (const row of all) {
    const keys: ValueRef[] = []
    for (const [index, { column, type }] of table.key.entries()) {
      const ref = row[places[index] as number]
      if (ref === undefined) return keyMissing(table, column)
      if (ref === null || !isTrusted(ref, type)) return keyNotPlain(table, column)
      keys.push(ref)
    }
    rows.push(keys)
  }
  return { table, types: table.key.map(({ type }) => type), rows }
}

function readSelected(
  selected: readonly (BlockColumn | ValueRef | null)[],
  places: readonly number[],
  table: ShardedTable,
  graph: KeyGraph,
): InsertedKeys | SelectedKeys | Refused {
  const outputs = places.map((place) => selected[place])
  const isValue = (output: (typeof outputs)[number]): boolean =>
    output !== undefined && output !== null && 'kind' in output
  if (outputs.every(isValue)) return readRows([outputs as ValueRef[]], [...outputs.keys()], table)
  const sets: ValueSet[][] = []
  for (const [index, { column }] of table.key.entries()) {
    const output = outputs[index]
    if (output === undefined) return keyMissing(table, column)
    if (output === null || 'kind' in output) return selectedKeyNotProven(table, column)
    const known = graph.valuesOfColumn(output)
    if (known.length === 0) return selectedKeyNotProven(table, column)
    sets.push(known)
  }
  return {
    table,
    pin: makePin(
      table.key.map(({ type }) => type),
      sets,
    ),
  }
}

function isTrusted(ref: ValueRef, type: KeyColumn['type']): boolean {
  return ref.type === null || isOfFamily(ref.type, familyOf(type))
}
