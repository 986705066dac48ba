import { parseSql } from './parser.js'
import { assemble, type Piece, type StatementPart, StatementText } from './statement-text.js'
import { asNode, listOf, openNode } from './tree.js'

/** `INSERT … SELECT`, taken apart at its query. */
export interface SelectInsert {
  /** The query by itself. */
  readonly query: StatementPart
  /** Of each output column, whether it has no type but that of the column it is inserted into. */
  readonly untyped: readonly boolean[]
  readonly conflict: boolean
  /**
   * The INSERT of so many rows, given by parameters `VALUE_PARAMETERS` and on, row by row. `columns` are named where
   * the statement names none; `types`: what each value is cast to, null for nothing.
   */
  insert(rows: number, columns: readonly string[] | null, types: readonly (string | null)[]): StatementPart
}

/** Greater than the number of any parameter of a statement. */
export const VALUE_PARAMETERS = 1_000_000

/** Takes a single INSERT of what one query gives apart; null where it cannot be said where the query stands. */
export function readSelectInsert(text: string): SelectInsert | null {
  const statement = new StatementText(text)
  const parsed = statement.isPlain ? parseSql(statement.shape) : null
  if (parsed?.kind !== 'tree' || parsed.statements.length !== 1) return null
  const insert = asNode(parsed.statements[0]?.stmt, 'InsertStmt')
  const select = asNode(insert?.selectStmt, 'SelectStmt')
  if (insert === null || select === null || insert.withClause !== undefined) return null
  if (select.valuesLists !== undefined) return null
  const from = statement.findWord(['select', 'with'])
  if (from < 0) return null
  const end = statement.shape.replace(/[\s;]+$/, '').length
  const conflict = insert.onConflictClause !== undefined
  const to = conflict ? findConflict(statement, from) : endOfQuery(statement, from, end)
  if (to < 0) return null
  const named = insert.cols === undefined ? statement.findWord(['overriding', 'select', 'with']) : from
  return {
    query: assemble(statement.pieces(from, to)),
    untyped: untypedOf(select.op === 'SETOP_NONE' ? listOf(select.targetList) : []),
    conflict,
    insert: (rows, columns, types) => {
      const names =
        insert.cols === undefined && columns !== null ? `(${columns.map(quoted).join(', ')}) ` : ''
      const all: Piece[] = [...statement.pieces(0, named), names, ...statement.pieces(named, from)]
      all.push(...(rows === 0 ? noRows(types) : valuesOf(rows, types)), ' ')
      all.push(...statement.pieces(to, end))
      return assemble(all)
    },
  }
}

function noRows(types: readonly (string | null)[]): Piece[] {
  const nulls = types.map((type) => (type === null ? 'null' : `null::${type}`))
  return [`select ${nulls.join(', ')} where false`]
}

function valuesOf(rows: number, types: readonly (string | null)[]): Piece[] {
  const pieces: Piece[] = ['values ']
  for (let row = 0; row < rows; row++)
    for (const [at, type] of types.entries()) {
      pieces.push(at > 0 ? ', ' : row > 0 ? '), (' : '(')
      pieces.push(VALUE_PARAMETERS + row * types.length + at, type === null ? '' : `::${type}`)
    }
  pieces.push(')')
  return pieces
}

/** Where the last `ON CONFLICT` outside of all parentheses begins. */
function findConflict(statement: StatementText, from: number): number {
  let found = -1
  for (let at = statement.findWord(['on'], from); at >= 0; at = statement.findWord(['on'], at + 2))
    if (/^on\s+conflict\b/i.test(statement.shape.slice(at))) found = at
  return found
}

function endOfQuery(statement: StatementText, from: number, end: number): number {
  const at = statement.findWord(['returning'], from)
  return at < 0 ? end : at
}

/** Strings, parameters and NULL, where it can be told which column is which. */
function untypedOf(targets: readonly unknown[]): boolean[] {
  const values = targets.map((target) => openNode(asNode(target, 'ResTarget')?.val))
  const hasStar = values.some(
    (value) =>
      value?.type === 'ColumnRef' &&
      listOf(value.fields.fields).some((part) => asNode(part, 'A_Star') !== null),
  )
  if (hasStar) return []
  return values.map((value) => {
    if (value?.type === 'ParamRef') return true
    return value?.type === 'A_Const' && (value.fields.isnull === true || value.fields.sval !== undefined)
  })
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
