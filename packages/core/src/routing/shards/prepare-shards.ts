import type { StatementFacts } from '../../sql/index.js'
import { SYSTEM_COLUMNS } from '../../sql/statement-walk.js'
import { isColocated } from './colocation.js'
import { readInsertedKeys } from './inserted-keys.js'
import type { Calls } from './judge-calls.js'
import { KeyGraph } from './key-graph.js'
import { makePin, type Pin } from './locate-pin.js'
import { belongsWithMerged, takesMergedKey } from './merged-rows.js'
import type { InsertedKeys, PreparedShards, SelectedKeys, Several } from './prepared-shards.js'
import { whyCopiesDiffer } from './reference-write.js'
import * as refusals from './refusals.js'
import type { Refused, ShardPlan } from './shard-plan.js'
import type { KeyColumn, ShardedTables } from './sharded-tables.js'
import { type SpreadSource, touchedBy } from './spread-sources.js'

const HOME = fixed({ kind: 'home' })
const ANY = fixed({ kind: 'any' })

/**
 * Says of a statement all about its shards that its values have no part in. What it calls (`judgeCalls`)
 * matters wherever more than one shard might come into play; a statement for one shard may call anything.
 */
export function prepareShards(facts: StatementFacts, tables: ShardedTables, calls: Calls): PreparedShards {
  if (tables.isEmpty) return HOME
  if (!facts.understood) return fixed(refusals.textNotUnderstood(facts.why))
  const { sources, home, unclear } = touchedBy(facts, tables)
  if (unclear !== null)
    return fixed(
      unclear.why === 'several'
        ? refusals.nameInSeveralSchemas(unclear.name)
        : refusals.notForSpread(facts, unclear.name),
    )
  const [first] = sources
  if (first === undefined) return HOME
  const isQuery = facts.kind === 'read' || facts.kind === 'write'
  if (!isQuery || facts.traces.includes('cursor'))
    return fixed(refusals.notForSpread(facts, first.table.name))
  const written = facts.tables.some(({ access }) => access === 'write')
  if (home && written) return fixed(refusals.writesAcrossHome(first.table.name))
  const copy = sources.find(({ writes, table }) => writes !== null && table.kind === 'reference')
  if (copy !== undefined) return prepareReferenceWrite(facts, copy, sources, calls)
  const sharded = sources.filter(({ table }) => table.kind === 'sharded')
  return sharded.length === 0
    ? prepareReferenceRead(facts, first, home, calls)
    : prepareKeyed(facts, sharded, home, written, calls)
}

function prepareReferenceWrite(
  facts: StatementFacts,
  target: SpreadSource,
  sources: readonly SpreadSource[],
  calls: Calls,
): PreparedShards {
  const why = whyCopiesDiffer(facts, target, sources, calls)
  if (why !== null) return fixed(refusals.referenceWrite(target.table, why))
  return {
    kind: 'everywhere',
    plan: { kind: 'write all', copies: true, why: `every shard has a copy of ${target.table.name}` },
  }
}

/** Whoever locks rows of reference tables does so on the same shard, the first, where all writers come by. */
function prepareReferenceRead(
  facts: StatementFacts,
  { table }: SpreadSource,
  home: boolean,
  calls: Calls,
): PreparedShards {
  const why = home
    ? `${table.name} is on the shards, and other tables are in the home group`
    : 'what it calls may read anything'
  if (!home && facts.writes) return fixed({ kind: 'one', shard: 0 })
  if (!home && calls !== 'unknown') return ANY
  const refusal = refusalOfSeveral(facts)
  if (refusal !== null) return fixed(refusals.refuseSeveral(refusal, table.name, why))
  const plan = { kind: 'read all', home, colocated: false, why } as const
  return calls === 'unknown' ? { kind: 'everywhere', plan } : fixed({ ...plan, shards: [0] })
}

function prepareKeyed(
  facts: StatementFacts,
  sharded: readonly SpreadSource[],
  home: boolean,
  written: boolean,
  calls: Calls,
): PreparedShards {
  const setsKey = findKeyChange(facts, sharded)
  if (setsKey !== null && !isPlainUpdate(facts, sharded)) return fixed(setsKey)
  const graph = new KeyGraph(facts, sharded)
  const inserted: InsertedKeys[] = []
  const selected: SelectedKeys[] = []
  for (const target of sharded) {
    const { table, block, writes } = target
    if (writes === null) continue
    for (const insert of facts.inserts.filter((each) => each.block === block)) {
      if (writes === 'MERGE' && takesMergedKey(insert, target)) {
        if (belongsWithMerged(insert, target, sharded, graph)) continue
        return fixed(refusals.mergedKeyNotProven(table, (table.key[0] as KeyColumn).column))
      }
      const keys = readInsertedKeys(insert, table, graph)
      if ('kind' in keys) return fixed(keys)
      if ('rows' in keys) inserted.push(keys)
      else selected.push(keys)
    }
  }
  const read = sharded.filter(({ writes }) => writes !== 'INSERT')
  const unpinned = read.find((source) => pinOf(source, graph) === null)
  return {
    kind: 'keyed',
    pins: unlike(read.flatMap((source) => pinOf(source, graph) ?? [])),
    unpinned: unpinned?.table ?? null,
    inserted,
    selected,
    home,
    several: severalOf(facts, sharded, graph, home, written, calls, inserted.length > 0),
    moves: setsKey,
    table: (sharded.find(({ writes }) => writes !== null) ?? (sharded[0] as SpreadSource)).table,
  }
}

/** An upsert that sets the whole key to the key of the row to be inserted leaves the row on its shard. */
function findKeyChange(facts: StatementFacts, sharded: readonly SpreadSource[]): Refused | null {
  for (const { table, block, writes } of sharded) {
    if (writes === null) continue
    const set = facts.assignments.filter(
      (each) => each.block === block && table.key.some(({ column }) => column === each.column),
    )
    const keeps = set.every(({ fromExcluded }) => fromExcluded) && set.length === table.key.length
    const [first] = set
    if (first !== undefined && !(writes === 'INSERT' && keeps))
      return refusals.changesKey(table, first.column)
  }
  return null
}

function pinOf(source: SpreadSource, graph: KeyGraph): Pin | null {
  if (source.renamed) return null
  const sets = graph.valuesOf(source)
  if (sets.some((known) => known.length === 0)) return null
  return makePin(
    source.table.key.map(({ type }) => type),
    sets,
  )
}

/** Tables joined by their keys have the same pins, mostly. */
function unlike(pins: readonly Pin[]): Pin[] {
  return [...new Map(pins.map((pin) => [JSON.stringify([pin.types, pin.sets]), pin])).values()]
}

function severalOf(
  facts: StatementFacts,
  sharded: readonly SpreadSource[],
  graph: KeyGraph,
  home: boolean,
  written: boolean,
  calls: Calls,
  insertsValues: boolean,
): Several {
  const because = refusalOfSeveral(facts)
  if (because === 'statements' || because === 'explain') return { kind: 'refused', because }
  const plain = calls !== 'unknown'
  const colocated = plain && !home && facts.command !== 'EXPLAIN' && isColocated(facts, sharded, graph)
  if (!written) return because === null ? { kind: 'read', colocated, plain } : { kind: 'refused', because }
  if (isOneInsert(facts, sharded)) return { kind: 'split' }
  // A MERGE that inserts a key of its own would insert it on every shard.
  if (colocated && !insertsValues && isOneChange(facts, sharded) && doesTheSameByRow(facts, calls))
    return { kind: 'write' }
  return { kind: 'refused', because: 'writes' }
}

/** INSERT … VALUES and nothing beside it. */
function isOneInsert(
  { command, blocks, inserts }: StatementFacts,
  sharded: readonly SpreadSource[],
): boolean {
  return command === 'INSERT' && blocks.length <= 2 && sharded.length === 1 && inserts[0]?.rows != null
}

function isPlainUpdate(facts: StatementFacts, sharded: readonly SpreadSource[]): boolean {
  return facts.command === 'UPDATE' && facts.statements === 1 && isOneChange(facts, sharded)
}

function isOneChange({ tables }: StatementFacts, sharded: readonly SpreadSource[]): boolean {
  const uses = tables.reduce((sum, table) => (table.access === 'write' ? sum + table.uses : sum), 0)
  const [target] = sharded.filter(({ writes }) => writes !== null)
  return uses === 1 && target?.place === 'top' && target.writes !== 'INSERT'
}

/**
 * What is asked once for all rows, a subquery or a function in FROM, would be asked once on each shard, and chance
 * answers twice.
 */
function doesTheSameByRow(facts: StatementFacts, calls: Calls): boolean {
  if (facts.serverWords.some((word) => SYSTEM_COLUMNS.has(word))) return false
  const [only, another] = facts.blocks
  const isOfTables = another === undefined && only?.sources.every(({ relation }) => relation !== null)
  return isOfTables === true || calls === 'immutable' || calls === 'stable'
}

/** Why it cannot be for several shards, whatever it reads; null when it can. */
function refusalOfSeveral(facts: StatementFacts): 'statements' | 'explain' | 'locks' | null {
  if (facts.statements > 1) return 'statements'
  // Whoever puts the rows of a read together has a plan for that.
  if (facts.command === 'EXPLAIN' && facts.writes) return 'explain'
  return facts.writes ? 'locks' : null
}

function fixed(plan: ShardPlan): PreparedShards {
  return Object.freeze({ kind: 'fixed', plan: Object.freeze(plan) })
}
