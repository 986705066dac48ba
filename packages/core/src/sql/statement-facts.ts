/** What a statement is, by what must be arranged for it. */
export type StatementKind =
  | 'read'
  | 'write'
  | 'ddl'
  | 'transaction'
  /** Concerns the session it runs in: SET, LISTEN, PREPARE, cursors. */
  | 'session'
  | 'copy'
  | 'maintenance'
  | 'empty'
  | 'unknown'

/** What a statement may leave behind in its session. */
export type Trace =
  | 'transaction'
  | 'settings'
  | 'temp'
  | 'prepared'
  | 'listen'
  | 'cursor'
  | 'advisory'
  | 'copy'
  /** Anything: it runs code that cannot be read here. */
  | 'unknown'

/** A name as PostgreSQL folds it; without a schema it is whatever `search_path` makes of it. */
export interface QualifiedName {
  readonly schema: string | null
  readonly name: string
}

export interface TableUse extends QualifiedName {
  readonly access: 'read' | 'write'
}

/** A value that stands in the statement but is not part of its shape. */
export interface ValueRef {
  readonly kind: 'parameter' | 'literal'
  /** n of `$n`, or an index into the literals of the statement's own text. */
  readonly index: number
  /** A minus before a literal number. */
  readonly negative: boolean
  /** The type it is cast to where it stands, as written; null without a cast. */
  readonly type: string | null
  /** The value is an array, of whose elements one is meant (`= ANY($1)`). */
  readonly array: boolean
}

/** What one SELECT, UPDATE, DELETE, INSERT or MERGE ranges over; subqueries are blocks of their own. */
export interface QueryBlock {
  readonly command: 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE' | 'MERGE'
  readonly sources: readonly BlockSource[]
}

export interface BlockSource {
  /** What its columns are qualified with; null when nothing can be. */
  readonly alias: string | null
  /** Null for a subquery, a function, a CTE, or a table whose columns are renamed. */
  readonly table: QualifiedName | null
}

export interface BlockColumn {
  readonly block: number
  /** Index into the block's sources; null when it cannot be said which of them has the column. */
  readonly source: number | null
  readonly column: string
}

/** In every row of the block the column equals one of the values (and is not null). */
export interface ColumnEquality extends BlockColumn {
  readonly values: readonly ValueRef[]
}

/** In every row of the block the two columns are equal. */
export interface ColumnPair {
  readonly left: BlockColumn
  readonly right: BlockColumn
}

export interface InsertFacts {
  readonly table: QualifiedName
  /** Null when the statement names none: all, in the table's order. */
  readonly columns: readonly string[] | null
  /** The VALUES rows, null for what is not a plain value; null itself for INSERT … SELECT. */
  readonly rows: readonly (readonly (ValueRef | null)[])[] | null
  readonly conflict: 'none' | 'nothing' | 'update'
}

/** `ORDER BY 2`: the literal says which output column, so it is part of what the statement means. */
export interface PositionRef {
  readonly block: number | null
  readonly clause: 'order' | 'group' | 'distinct'
  readonly literal: number
}

/**
 * What a SQL text is, as far as its shape says; the values of its literals play no part. Of a text with
 * several statements, the worst of each.
 */
export interface StatementFacts {
  /** False: nothing below may be relied on; it goes to the primary, on a connection of its own. */
  readonly understood: boolean
  /** For people: why not understood, or why it needs a connection of its own. */
  readonly why: string | null
  readonly statements: number
  /** The first statement's command word; '' for an empty text. */
  readonly command: string
  readonly kind: StatementKind
  /** Must go to the primary. Functions it calls may say so too: that is for `judgeStatement`. */
  readonly writes: boolean
  readonly traces: readonly Trace[]
  readonly tables: readonly TableUse[]
  readonly functions: readonly QualifiedName[]
  /** Names in `x.name` and `(x).name`, which call a function where there is no such column. */
  readonly attributes: readonly string[]
  readonly operators: readonly QualifiedName[]
  /** Types named that do not certainly belong to PostgreSQL. */
  readonly types: readonly QualifiedName[]
  readonly blocks: readonly QueryBlock[]
  readonly equalities: readonly ColumnEquality[]
  readonly columnPairs: readonly ColumnPair[]
  readonly inserts: readonly InsertFacts[]
  readonly positions: readonly PositionRef[]
  readonly maxParameter: number
}

/** The facts of a text that is not understood. */
export function notUnderstood(why: string): StatementFacts {
  return Object.freeze({
    understood: false,
    why,
    statements: 0,
    command: '',
    kind: 'unknown',
    writes: true,
    traces: Object.freeze<Trace[]>(['unknown']),
    tables: NOTHING,
    functions: NOTHING,
    attributes: NOTHING,
    operators: NOTHING,
    types: NOTHING,
    blocks: NOTHING,
    equalities: NOTHING,
    columnPairs: NOTHING,
    inserts: NOTHING,
    positions: NOTHING,
    maxParameter: 0,
  })
}

const NOTHING: readonly never[] = Object.freeze([])
