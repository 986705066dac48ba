import { treatmentOf } from '../../sql/builtin-functions.js'
import type { CalledFunction, Catalogue, QualifiedName, StatementFacts } from '../../sql/index.js'

/**
 * What the code that a statement runs may do, from harmless to worst. `unknown`: it may read and write
 * anything. The others touch nothing that the statement does not name; `volatile` gives another value each
 * time, `stable` one for each statement, `immutable` the same everywhere.
 */
export type Calls = 'immutable' | 'stable' | 'volatile' | 'unknown'

const ORDER: readonly Calls[] = ['immutable', 'stable', 'volatile', 'unknown']
const BY_VOLATILITY = { i: 'immutable', s: 'stable', v: 'volatile' } as const

/** Judges what a statement calls, by what the servers of its tables have under the names in it. */
export function judgeCalls(facts: StatementFacts, catalogue: Catalogue): Calls {
  if (!facts.understood || facts.traces.includes('unknown')) return 'unknown'
  const found: Calls[] = [facts.serverWords.length > 0 ? 'stable' : 'immutable']
  for (const named of facts.functions) {
    const rows = inSchema(catalogue.functions.get(named.name), named)
    if (rows.length === 0) return 'unknown'
    found.push(...rows.map((row) => callsOf({ name: named.name, ...row })))
  }
  for (const name of facts.attributes)
    for (const row of catalogue.functions.get(name) ?? []) found.push(callsOf({ name, ...row }))
  for (const named of facts.operators) {
    const rows = inSchema(catalogue.operators.get(named.name), named)
    // What PostgreSQL's own operators leave to a setting is the same on servers that are set alike.
    if (rows.length === 0 || !rows.every((row) => row.builtin || (row.native && row.volatility !== 'v')))
      return 'unknown'
  }
  for (const named of facts.types) {
    const rows = inSchema(catalogue.types.get(named.name), named)
    if (rows.length === 0) return 'unknown'
    for (const row of rows) found.push(...row.calls.map(callsOf))
  }
  found.push(...facts.tables.flatMap((table) => callsOfTable(table, catalogue)))
  found.push(...catalogue.hidden.map(callsOf))
  return found.reduce((worst, each) => (ORDER.indexOf(each) > ORDER.indexOf(worst) ? each : worst))
}

/** Of what a write calls only the unknown counts: how defaults vary, a sharded table says itself. */
function callsOfTable(table: StatementFacts['tables'][number], catalogue: Catalogue): Calls[] {
  const rows = inSchema(catalogue.relations.get(table.name), table)
  if (rows.length === 0 || rows.some((row) => row.foreign)) return ['unknown']
  return rows.flatMap(({ readCalls, writeCalls }) => [
    ...readCalls.map(callsOf),
    ...(table.access === 'write' ? writeCalls.map(callsOf).filter((calls) => calls === 'unknown') : []),
  ])
}

function callsOf({ schema, name, builtin, native, volatility }: CalledFunction): Calls {
  // Ours, such as next_id(), the default of columns that are unique over all shards.
  if (schema === 'pgherd') return BY_VOLATILITY[volatility]
  if (!builtin) return native && volatility !== 'v' ? BY_VOLATILITY[volatility] : 'unknown'
  return treatmentOf(name, volatility).trace === 'unknown' ? 'unknown' : BY_VOLATILITY[volatility]
}

function inSchema<T extends { readonly schema: string }>(
  rows: readonly T[] | undefined,
  { schema }: QualifiedName,
): readonly T[] {
  return schema === null ? (rows ?? []) : (rows ?? []).filter((row) => row.schema === schema)
}
