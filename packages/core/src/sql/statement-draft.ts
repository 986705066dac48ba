import type {
  BlockSource,
  ColumnEquality,
  ColumnPair,
  InsertFacts,
  PositionRef,
  QualifiedName,
  QueryBlock,
  StatementFacts,
  StatementKind,
  TableUse,
  Trace,
} from './statement-facts.js'

/** Facts being gathered; names are kept once. */
export class StatementDraft {
  command = ''
  kind: StatementKind = 'empty'
  statements = 0
  writes = false
  why: string | null = null
  maxParameter = 0
  readonly traces = new Set<Trace>()
  readonly blocks: { command: QueryBlock['command']; sources: BlockSource[] }[] = []
  readonly equalities: ColumnEquality[] = []
  readonly columnPairs: ColumnPair[] = []
  readonly inserts: InsertFacts[] = []
  readonly positions: PositionRef[] = []
  private readonly tables = new Map<string, TableUse>()
  private readonly functions = new Map<string, QualifiedName>()
  private readonly operators = new Map<string, QualifiedName>()
  private readonly types = new Map<string, QualifiedName>()
  private readonly attributes = new Set<string>()

  addTable(schema: string | null, name: string, access: TableUse['access']): void {
    this.tables.set(keyOf(schema, name, access), { schema, name, access })
  }

  addFunction(schema: string | null, name: string): void {
    this.functions.set(keyOf(schema, name), { schema, name })
  }

  addOperator(schema: string | null, name: string): void {
    this.operators.set(keyOf(schema, name), { schema, name })
  }

  addType(schema: string | null, name: string): void {
    this.types.set(keyOf(schema, name), { schema, name })
  }

  addAttribute(name: string): void {
    this.attributes.add(name)
  }

  finish(): StatementFacts {
    return freeze({
      understood: true,
      why: this.why,
      statements: this.statements,
      command: this.command,
      kind: this.kind,
      writes: this.writes,
      traces: [...this.traces],
      tables: [...this.tables.values()],
      functions: [...this.functions.values()],
      attributes: [...this.attributes],
      operators: [...this.operators.values()],
      types: [...this.types.values()],
      blocks: this.blocks,
      equalities: this.equalities,
      columnPairs: this.columnPairs,
      inserts: this.inserts,
      positions: this.positions,
      maxParameter: this.maxParameter,
    })
  }
}

function keyOf(...parts: readonly (string | null)[]): string {
  return JSON.stringify(parts)
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const part of Object.values(value)) freeze(part)
  }
  return value
}
