import type { ShapeLiterals } from './shape-literals.js'
import type {
  Assignment,
  BlockPlace,
  BlockSource,
  ColumnEquality,
  ColumnPair,
  Correlation,
  InsertFacts,
  OuterCondition,
  PositionRef,
  QualifiedName,
  QueryBlock,
  StatementFacts,
  StatementKind,
  TableUse,
  Trace,
} from './statement-facts.js'

/** A block being gathered. */
export interface DraftBlock {
  command: QueryBlock['command']
  place: BlockPlace
  limited: boolean
  sources: DraftSource[]
  /** Names of the FROM clause are hidden behind the alias of a join. */
  opaque: boolean
}

export type DraftSource = { -readonly [Field in keyof BlockSource]: BlockSource[Field] }

/** A query that is being read. */
export interface QueryDraft {
  readonly draft: StatementDraft
  readonly literals: ShapeLiterals
}

/** Facts being gathered; names are kept once. */
export class StatementDraft {
  command = ''
  kind: StatementKind = 'empty'
  statements = 0
  writes = false
  why: string | null = null
  maxParameter = 0
  readonly traces = new Set<Trace>()
  readonly blocks: DraftBlock[] = []
  readonly equalities: ColumnEquality[] = []
  readonly columnPairs: ColumnPair[] = []
  readonly outerEqualities: OuterCondition<ColumnEquality>[] = []
  readonly outerPairs: OuterCondition<ColumnPair>[] = []
  readonly correlations: Correlation[] = []
  readonly assignments: Assignment[] = []
  readonly serverWords = new Set<string>()
  readonly inserts: InsertFacts[] = []
  readonly positions: PositionRef[] = []
  private readonly tables = new Map<string, TableUse>()
  private readonly mentions = new Map<string, QualifiedName>()
  private readonly functions = new Map<string, QualifiedName>()
  private readonly operators = new Map<string, QualifiedName>()
  private readonly types = new Map<string, QualifiedName>()
  private readonly attributes = new Set<string>()

  addTable(schema: string | null, name: string, access: TableUse['access']): void {
    const key = keyOf(schema, name, access)
    this.tables.set(key, { schema, name, access, uses: (this.tables.get(key)?.uses ?? 0) + 1 })
  }

  addMention(schema: string | null, name: string): void {
    this.mentions.set(keyOf(schema, name), { schema, name })
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
      blocks: this.blocks.map(({ command, place, limited, sources }) => ({
        command,
        place,
        limited,
        sources,
      })),
      equalities: this.equalities,
      columnPairs: this.columnPairs,
      outerEqualities: this.outerEqualities,
      outerPairs: this.outerPairs,
      correlations: this.correlations,
      assignments: this.assignments,
      serverWords: [...this.serverWords],
      mentions: [...this.mentions.values()],
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
