import type { ShardMap } from '../../sharding/shard-map.js'
import type { ValueRef } from '../../sql/index.js'
import type { KeyValues } from './key-values.js'
import { locateInserted, locateSingle, NOWHERE, SOMEWHERE, shardsOfPin } from './locate-pin.js'
import type { InsertedKeys, KeyedStatement, PreparedShards } from './prepared-shards.js'
import { keyIsNull, keyNotRead, refuseSeveral, rowsNotSplit, selectedKeyNotProven } from './refusals.js'
import type { OneShard, Refused, ShardPlan, SplitPart } from './shard-plan.js'
import type { KeyColumn, ShardedTable } from './sharded-tables.js'

/** Says where a statement goes. Throws `SHARD_KEY_INVALID` where the map is not of the tables' keys. */
export function planShards(prepared: PreparedShards, values: KeyValues, map: ShardMap): ShardPlan {
  if (prepared.kind === 'fixed') return prepared.plan
  if (prepared.kind === 'everywhere') return { ...prepared.plan, shards: allShards(map) }
  const plan = planKeyed(prepared, values, map)
  return prepared.moves === null ? plan : planMove(prepared.moves, prepared.table, plan)
}

function planKeyed(prepared: KeyedStatement, values: KeyValues, map: ShardMap): ShardPlan {
  const shard = locateAll(prepared, values, map)
  // Where nothing is looked for, any shard finds it.
  return shard === SOMEWHERE ? planSeveral(prepared, values, map) : oneShard(shard === NOWHERE ? 0 : shard)
}

/** Where the rows are found is as of any UPDATE; where they belong afterwards is not. */
function planMove(moves: Refused, table: ShardedTable, plan: ShardPlan): ShardPlan {
  if (plan.kind === 'one') return { ...moves, move: { table, shards: [plan.shard] } }
  return plan.kind === 'write all' ? { ...moves, move: { table, shards: plan.shards } } : plan
}

/** The one shard of a statement whose keys are single values, which most are. */
function locateAll(statement: KeyedStatement, values: KeyValues, map: ShardMap): number {
  const { unpinned, home, pins, inserted, selected } = statement
  if (unpinned !== null || home || selected.length > 0) return SOMEWHERE
  let one = NOWHERE
  for (const { types, single } of pins) {
    if (single === null) return SOMEWHERE
    const shard = locateSingle(types, single, values, map)
    if (shard === NOWHERE) continue
    if (shard === SOMEWHERE || (one !== NOWHERE && one !== shard)) return SOMEWHERE
    one = shard
  }
  for (const { types, rows } of inserted)
    for (let row = 0; row < countRows(rows, values); row++) {
      const shard = locateInserted(types, refsOf(rows, row, values), values, map)
      if (typeof shard === 'string' || (one !== NOWHERE && one !== shard)) return SOMEWHERE
      one = shard
    }
  return one
}

function planSeveral(statement: KeyedStatement, values: KeyValues, map: ShardMap): ShardPlan {
  const { inserted, home, several, table } = statement
  const read = shardsRead(statement, values, map)
  const rows = inserted.map((keys) => partRows(keys, values, map))
  const failed = rows.find((parts) => 'kind' in parts)
  if (failed !== undefined && 'kind' in failed) return failed
  const parts = (rows as SplitPart[][]).flat()
  const shards = new Set([...(read ?? allShards(map)), ...parts.map(({ shard }) => shard)])
  const unselected = findUnselected(statement, shards, values, map)
  if (unselected !== null) return unselected
  const [first] = shards
  if (shards.size <= 1 && !home) return oneShard(first ?? 0)
  const why = whySeveral(statement, read === null)
  if (several.kind === 'split') return read?.size === 0 ? { kind: 'split', parts } : rowsNotSplit(table)
  if (several.kind === 'refused')
    return inserted.length > 0 && several.because === 'writes' && statement.unpinned === null
      ? rowsNotSplit(table)
      : refuseSeveral(several.because, table.name, why)
  if (several.kind === 'write') return { kind: 'write all', shards: sorted(shards), copies: false, why }
  const wanted = several.plain ? sorted(shards.size === 0 ? [0] : shards) : allShards(map)
  return { kind: 'read all', shards: wanted, home, colocated: several.colocated, why }
}

/** All shards with rows that can matter; null for all there are. */
function shardsRead(
  { pins, unpinned }: KeyedStatement,
  values: KeyValues,
  map: ShardMap,
): Set<number> | null {
  if (unpinned !== null) return null
  const all = new Set<number>()
  for (const pin of pins) {
    const shards = shardsOfPin(pin, values, map)
    if (shards === null) return null
    for (const shard of shards) all.add(shard)
  }
  return all
}

/** Parts the rows of a VALUES by shard. One that PostgreSQL will not take may go anywhere to be refused. */
function partRows(
  { table, types, rows }: InsertedKeys,
  values: KeyValues,
  map: ShardMap,
): SplitPart[] | Refused | OneShard {
  const parts = new Map<number, SplitPart>()
  for (let index = 0; index < countRows(rows, values); index++) {
    const found = locateInserted(types, refsOf(rows, index, values), values, map)
    const { column } = table.key[0] as KeyColumn
    if (found === 'null') return keyIsNull(table, column)
    if (found === 'unknown') return keyNotRead(table, column)
    if (found === 'outside') return oneShard(0)
    const part = parts.get(found)
    if (part === undefined) parts.set(found, { shard: found, rows: [index] })
    else part.rows.push(index)
  }
  return [...parts.values()]
}

function countRows(rows: InsertedKeys['rows'], values: KeyValues): number {
  return values.rows?.count ?? rows.length
}

/** What is read from now on is of that row. */
function refsOf(rows: InsertedKeys['rows'], row: number, values: KeyValues): readonly ValueRef[] {
  return rows[values.rows?.goTo(row) ?? row] as readonly ValueRef[]
}

/** What a query gives to be inserted must belong on the one shard where all else is. */
function findUnselected(
  { selected }: KeyedStatement,
  shards: Set<number>,
  values: KeyValues,
  map: ShardMap,
): Refused | null {
  for (const { table, pin } of selected) {
    const found = shardsOfPin(pin, values, map)
    if (found === null || found.size > 1)
      return selectedKeyNotProven(table, (table.key[0] as KeyColumn).column)
    for (const shard of found) shards.add(shard)
  }
  return null
}

function whySeveral({ unpinned, home, table }: KeyedStatement, isUnknown: boolean): string {
  if (unpinned !== null) {
    const key = unpinned.key.map(({ column }) => column).join(', ')
    return `any row of ${unpinned.name} may matter, as nothing says its shard key (${key})`
  }
  if (home) return `${table.name} is on the shards, and other tables are in the home group`
  return isUnknown
    ? `a value of a shard key of ${table.name} cannot be read here`
    : 'the shard keys it names belong to several shards'
}

const ONE: OneShard[] = []

/** Plans are values: those for one shard are made once. */
function oneShard(shard: number): OneShard {
  ONE[shard] ??= Object.freeze({ kind: 'one', shard })
  return ONE[shard]
}

const ALL = new WeakMap<ShardMap, readonly number[]>()

function allShards(map: ShardMap): readonly number[] {
  let all = ALL.get(map)
  if (all === undefined) {
    all = Object.freeze(map.shards.map((_, index) => index))
    ALL.set(map, all)
  }
  return all
}

function sorted(shards: Iterable<number>): number[] {
  return [...shards].sort((a, b) => a - b)
}
