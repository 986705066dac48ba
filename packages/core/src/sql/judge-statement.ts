import { type FunctionTreatment, treatmentOf } from './builtin-functions.js'
import type { CalledFunction, Catalogue, FunctionRow, RelationRow } from './catalogue.js'
import type { QualifiedName, StatementFacts, TableUse, Trace } from './statement-facts.js'

export interface Judgement {
  /** Safe on a standby: it only reads, and reads the same there. */
  readonly reads: boolean
  /** May run on a connection that others use: no trace of it stays, and it sees none. */
  readonly shared: boolean
  /** What it may leave in its session, through the functions it calls too; empty when `shared`. */
  readonly traces: readonly Trace[]
  /** For people: what speaks against, the first thing found; null when nothing does. */
  readonly why: string | null
}

/** Commands of which it is known what they do to their session; all others get one of their own. */
const SHARED_COMMANDS: ReadonlySet<string> = new Set([
  '',
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'MERGE',
  'EXPLAIN',
])

/** Kinds that may run on a standby when they write nothing: COPY … TO STDOUT and DECLARE read as SELECT does. */
const STANDBY_COMMANDS: ReadonlySet<string> = new Set(['', 'SELECT', 'EXPLAIN', 'COPY', 'DECLARE'])

/**
 * Says where a statement may run, from its facts and what the server has under the names in it.
 *
 * A name without a schema is judged as the worst of all that have it: which one is meant depends on
 * `search_path`, which no one tells us. What is not in the catalogue may be anything.
 */
export function judgeStatement(facts: StatementFacts, catalogue: Catalogue): Judgement {
  const judge = new Judge(facts, catalogue)
  return judge.run()
}

class Judge {
  private readonly facts: StatementFacts
  private readonly catalogue: Catalogue
  private readonly traces: Set<Trace>
  private reads = true
  private shared = true
  private why: string | null

  constructor(facts: StatementFacts, catalogue: Catalogue) {
    this.facts = facts
    this.catalogue = catalogue
    this.traces = new Set(facts.traces)
    this.why = facts.why
  }

  run(): Judgement {
    this.weighCommand()
    if (this.facts.understood) this.weighNames()
    return {
      reads: this.reads,
      shared: this.shared,
      traces: this.shared ? [] : [...this.traces],
      why: this.reads && this.shared ? null : (this.why ?? `${this.facts.command} writes`),
    }
  }

  private weighCommand(): void {
    const { facts } = this
    if (facts.writes) this.reads = false
    if (facts.traces.length > 0) this.shared = false
    if (!facts.understood) this.forbid('unknown', facts.why ?? 'it is not understood')
    if (!STANDBY_COMMANDS.has(facts.command)) this.reads = false
    if (!SHARED_COMMANDS.has(facts.command)) this.shared = false
    if (facts.statements > 1) this.keepApart('several statements in one text')
    if (!['read', 'write', 'empty'].includes(facts.kind)) this.shared = false
    if (!['read', 'copy', 'session', 'empty'].includes(facts.kind)) this.reads = false
    // Event triggers, rules and expressions run code that names none of its functions here.
    if (facts.kind === 'ddl' || facts.kind === 'maintenance') this.traces.add('unknown')
  }

  private weighNames(): void {
    const { facts, catalogue } = this
    for (const name of facts.functions) this.weighFunction(name)
    for (const name of facts.attributes)
      for (const row of catalogue.functions.get(name) ?? []) this.weighRow({ name, ...row })
    for (const operator of facts.operators) this.weighOperator(operator)
    for (const type of facts.types) this.weighType(type)
    for (const table of facts.tables) this.weighTable(table)
    for (const row of catalogue.hidden) this.weighRow(row)
  }

  private weighFunction(named: QualifiedName): void {
    const rows = inSchema(this.catalogue.functions.get(named.name), named.schema)
    if (rows.length === 0) this.forbid('unknown', `the function ${named.name} is not known`)
    for (const row of rows) this.weighRow({ name: named.name, ...row })
  }

  private weighRow(row: CalledFunction): void {
    if (row.builtin) this.treat(treatmentOf(row.name, row.volatility), row.name)
    // Ours: the default of columns that are unique over all shards is a sequence's next value.
    else if (row.schema === 'pgherd' && row.name === 'next_id')
      this.treat(treatmentOf('nextval', 'v'), row.name)
    else {
      this.leave('unknown', `${row.schema}.${row.name} is a function of your own`)
      if (row.volatility === 'v') this.reads = false
    }
  }

  /** Called by something other than its name: one in C that is not volatile does what PostgreSQL's own do. */
  private weighCall(row: CalledFunction): void {
    if (!isNative(row)) this.weighRow(row)
  }

  private treat({ standby, shared, trace }: FunctionTreatment, name: string): void {
    if (!standby) {
      this.reads = false
      this.why ??= `${name}() is answered by the primary`
    }
    if (!shared) this.leave(trace, `${name}() needs a connection of its own`)
  }

  private weighOperator(named: QualifiedName): void {
    const rows = inSchema(this.catalogue.operators.get(named.name), named.schema)
    if (rows.length === 0) this.forbid('unknown', `the operator ${named.name} is not known`)
    for (const row of rows) {
      if (row.builtin || isNative(row)) continue
      this.leave('unknown', `${row.schema}.${named.name} is an operator of your own`)
      if (row.volatility === 'v') this.reads = false
    }
  }

  private weighType(named: QualifiedName): void {
    const rows = inSchema(this.catalogue.types.get(named.name), named.schema)
    if (rows.length === 0) this.forbid('unknown', `the type ${named.name} is not known`)
    for (const row of rows) for (const call of row.calls) this.weighCall(call)
  }

  private weighTable(table: TableUse): void {
    const rows: readonly RelationRow[] = inSchema(this.catalogue.relations.get(table.name), table.schema)
    if (rows.length === 0) this.forbid('unknown', `the table ${table.name} is not known`)
    for (const row of rows) {
      if (row.foreign) this.forbid('unknown', `${table.name} reaches another server`)
      for (const call of row.readCalls) this.weighCall(call)
      if (table.access === 'write') for (const call of row.writeCalls) this.weighCall(call)
    }
  }

  private forbid(trace: Trace, why: string): void {
    this.reads = false
    this.leave(trace, why)
  }

  private leave(trace: Trace | null, why: string): void {
    if (trace !== null) this.traces.add(trace)
    this.keepApart(why)
  }

  private keepApart(why: string): void {
    this.shared = false
    this.why ??= why
  }
}

function isNative(row: FunctionRow): boolean {
  return !row.builtin && row.native && row.volatility !== 'v'
}

/** What a name may mean: all that have it, or those in the schema it is given. */
function inSchema<T extends { readonly schema: string }>(
  rows: readonly T[] | undefined,
  schema: string | null,
): readonly T[] {
  return schema === null ? (rows ?? []) : (rows ?? []).filter((row) => row.schema === schema)
}
