/** How freely a function may be called: immutable, stable or volatile (`pg_proc.provolatile`). */
export type Volatility = 'i' | 's' | 'v'

export interface FunctionRow {
  readonly schema: string
  readonly volatility: Volatility
  /** Came with PostgreSQL itself, not with an extension or a person. */
  readonly builtin: boolean
  /** Written in C, which takes a superuser: it leaves no trace as long as it is not volatile. */
  readonly native: boolean
}

/** A function that is called without being named, by a view, a trigger, a default, a policy… */
export interface CalledFunction extends FunctionRow {
  readonly name: string
}

export interface RelationRow {
  readonly schema: string
  /** `pg_class.relkind`: r, p, v, m, f, S, … */
  readonly kind: string
  /** What reading it calls, through views over views and policies too. */
  readonly readCalls: readonly CalledFunction[]
  /** What writing it calls, the same of tables that a cascade, a rule or a view reaches. */
  readonly writeCalls: readonly CalledFunction[]
  /** A foreign table is reached by reading or writing it. */
  readonly foreign: boolean
}

export interface TypeRow {
  readonly schema: string
  readonly builtin: boolean
  /** What a cast to it calls: the constraints of domains, however deep inside it. */
  readonly calls: readonly CalledFunction[]
}

export type OperatorRow = FunctionRow

/**
 * What a server has under each name, whatever its schema: enough to judge a statement without knowing
 * `search_path`. A name that is not here is not known.
 */
export interface Catalogue {
  readonly functions: ReadonlyMap<string, readonly FunctionRow[]>
  readonly operators: ReadonlyMap<string, readonly OperatorRow[]>
  readonly types: ReadonlyMap<string, readonly TypeRow[]>
  readonly relations: ReadonlyMap<string, readonly RelationRow[]>
  /**
   * Functions that any statement may call unseen: casts, operator classes and types not written in C.
   * Hardly any database has one.
   */
  readonly hidden: readonly CalledFunction[]
  /** Names of functions that some may call of several rows: aggregates and window functions. */
  readonly ofRows: ReadonlySet<string>
}

/** One row of `CATALOGUE_SQL`. Function references are `schema.name` parts with their marks. */
export interface CatalogueRow {
  readonly what: 'function' | 'operator' | 'type' | 'relation' | 'hidden'
  readonly schema: string
  readonly name: string
  readonly volatility: Volatility | null
  readonly builtin: boolean
  readonly native: boolean
  /** Of a relation; `of rows`: under this name are aggregates or window functions. */
  readonly kind: string | null
  readonly foreign: boolean
  /** `[schema, name, volatility, builtin, native]` of each function. */
  readonly reads: readonly CallTuple[] | null
  readonly writes: readonly CallTuple[] | null
}

export type CallTuple = readonly [string, string, Volatility, boolean, boolean]

/** Makes a catalogue of what `CATALOGUE_SQL` returned. */
export function readCatalogue(rows: readonly CatalogueRow[]): Catalogue {
  const functions = new Map<string, FunctionRow[]>()
  const operators = new Map<string, OperatorRow[]>()
  const types = new Map<string, TypeRow[]>()
  const relations = new Map<string, RelationRow[]>()
  const hidden: CalledFunction[] = []
  const ofRows = new Set<string>()
  for (const row of rows) {
    const { schema, name, builtin, foreign } = row
    if (row.what === 'function' && row.kind !== null) ofRows.add(name)
    if (row.what === 'function') add(functions, name, functionOf(row))
    else if (row.what === 'operator') add(operators, name, functionOf(row))
    else if (row.what === 'type') add(types, name, { schema, builtin, calls: callsOf(row.reads) })
    else if (row.what === 'hidden') hidden.push({ name, ...functionOf(row) })
    else
      add(relations, name, {
        schema,
        kind: row.kind ?? '',
        foreign,
        readCalls: callsOf(row.reads),
        writeCalls: callsOf(row.writes),
      })
  }
  return { functions, operators, types, relations, hidden, ofRows }
}

function functionOf(row: CatalogueRow): FunctionRow {
  const { schema, builtin, native } = row
  return { schema, builtin, native, volatility: row.volatility ?? 'v' }
}

function callsOf(tuples: readonly CallTuple[] | null): CalledFunction[] {
  return (tuples ?? []).map(([schema, name, volatility, builtin, native]) => ({
    schema,
    name,
    volatility,
    builtin,
    native,
  }))
}

function add<T>(map: Map<string, T[]>, name: string, row: T): void {
  const rows = map.get(name)
  if (rows === undefined) map.set(name, [row])
  else rows.push(row)
}
