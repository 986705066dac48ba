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
  /** How often it is named so. Each naming in a query is also the `relation` of one source of a block. */
  readonly uses: number
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
  readonly place: BlockPlace
  /** It takes some of its rows only: LIMIT, OFFSET, DISTINCT ON. Which they are its text may leave open. */
  readonly limited: boolean
  readonly sources: readonly BlockSource[]
}

/**
 * Where a block stands: alone (`top`), as an arm of a UNION or the like at the top, as what an INSERT
 * inserts, or inside another query, innermost first.
 */
export type BlockPlace = 'top' | 'arm' | 'insert' | 'cte' | 'from' | 'expression'

export interface BlockSource {
  /** What its columns are qualified with; null when nothing can be. */
  readonly alias: string | null
  /** Null for a subquery, a function, a CTE, or a table whose columns are renamed. */
  readonly table: QualifiedName | null
  /** The table, also where its columns are renamed. */
  readonly relation: QualifiedName | null
  /** An outer join may put NULLs in the place of its rows, and no condition of the block forbids it. */
  readonly nullable: boolean
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

/** Sources of a block next to each other: from `first` up to `end`, which is not one of them. */
export interface SourceRange {
  readonly first: number
  readonly end: number
}

/**
 * What an outer join or a MERGE asks of the rows of some sources: a row of theirs for which it does not
 * hold is as good as not there. It says nothing of other sources.
 */
export interface OuterCondition<Condition> {
  readonly of: SourceRange
  readonly condition: Condition
}

/** In every row of the inner block its column equals that of the row of the block around it. */
export interface Correlation {
  readonly inner: BlockColumn
  readonly outer: BlockColumn
}

/** A column that is set: by UPDATE, ON CONFLICT DO UPDATE or MERGE, of the first source of the block. */
export interface Assignment {
  readonly block: number
  readonly column: string
  /** To the same column of what was to be inserted. */
  readonly fromExcluded: boolean
}

/** An INSERT, or what a MERGE inserts. */
export interface InsertFacts {
  readonly block: number
  readonly table: QualifiedName
  /** Null when the statement names none: all, in the table's order. */
  readonly columns: readonly string[] | null
  /** The VALUES rows, null for what is not a plain value; null itself for INSERT … SELECT. */
  readonly rows: readonly (readonly (ValueRef | null)[])[] | null
  /**
   * The output columns of a plain INSERT … SELECT, null for what is neither a column nor a value. Of a MERGE the
   * values of its one row, with the columns of what is merged.
   */
  readonly selected: readonly (BlockColumn | ValueRef | null)[] | null
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
  readonly outerEqualities: readonly OuterCondition<ColumnEquality>[]
  readonly outerPairs: readonly OuterCondition<ColumnPair>[]
  readonly correlations: readonly Correlation[]
  readonly assignments: readonly Assignment[]
  /** Words that each server answers for itself: `ctid` and its like, `current_timestamp` and its like. */
  readonly serverWords: readonly string[]
  /** Relations that something other than a query names, and names that may be those of relations. */
  readonly mentions: readonly QualifiedName[]
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
    outerEqualities: NOTHING,
    outerPairs: NOTHING,
    correlations: NOTHING,
    assignments: NOTHING,
    serverWords: NOTHING,
    mentions: NOTHING,
    inserts: NOTHING,
    positions: NOTHING,
    maxParameter: 0,
  })
}

const NOTHING: readonly never[] = Object.freeze([])
