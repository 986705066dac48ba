import type { ColumnChoice, CopyFormat } from '../sharding/copy/index.js'
import { type Fields, parseSql } from './parser.js'
import type { QualifiedName } from './statement-facts.js'
import { StatementText } from './statement-text.js'
import { asNode, isFields, listOf, openNode, textOf } from './tree.js'

/** What a COPY between a server and its client says. */
export type CopyStatement = CopyIn | CopyTable | CopyQuery

/** `COPY table … FROM STDIN`. */
export interface CopyIn {
  readonly kind: 'in'
  readonly table: QualifiedName
  /** Null: all that are not generated, in the table's order. */
  readonly columns: readonly string[] | null
  readonly format: CopyFormat
  /** The same with its columns named, which it does not do itself. */
  withColumns(columns: readonly string[]): string
  /** Options whose effect on several servers would be another; in PostgreSQL's words. */
  readonly apart: readonly string[]
  readonly encoding: string | null
  readonly hasCondition: boolean
}

/** `COPY table … TO STDOUT`. */
export interface CopyTable {
  readonly kind: 'table'
  readonly table: QualifiedName
  readonly columns: readonly string[] | null
  /** The same of a query that reads these columns; null where that cannot be said. */
  asQuery(columns: readonly string[]): string | null
}

/** `COPY (query) TO STDOUT`. */
export interface CopyQuery {
  readonly kind: 'query'
  readonly query: string
}

/** What each server does with its own rows as one does it with all. */
const HARMLESS: ReadonlySet<string> = new Set([
  'format',
  'delimiter',
  'null',
  'default',
  'header',
  'quote',
  'escape',
  'force_null',
  'force_not_null',
  'force_quote',
  'encoding',
  'freeze',
  'log_verbosity',
])

/**
 * Reads a single COPY FROM STDIN or TO STDOUT; null for what is none, is about files or programs of the server,
 * or has options that are not known here. Whether options go together the server says, not this.
 */
export function readCopy(text: string): CopyStatement | null {
  const parsed = parseSql(text)
  if (parsed.kind !== 'tree' || parsed.statements.length !== 1) return null
  const copy = asNode(parsed.statements[0]?.stmt, 'CopyStmt')
  if (copy === null || copy.filename !== undefined || copy.is_program === true) return null
  const statement = new StatementText(text)
  if (!statement.isPlain) return null
  if (copy.query !== undefined) return readQuery(statement)
  const relation = isFields(copy.relation) ? copy.relation : null
  const name = textOf(relation?.relname)
  if (relation === null || name === null) return null
  const table = { schema: textOf(relation.schemaname), name }
  const columns = copy.attlist === undefined ? null : namesOf(copy.attlist)
  if (copy.is_from !== true) return readTable(statement, table, columns)
  return readIn(statement, table, columns, copy)
}

function readQuery(statement: StatementText): CopyQuery | null {
  const { shape } = statement
  const start = shape.indexOf('(')
  const end = statement.endOfParentheses(start)
  if (end < 0) return null
  return { kind: 'query', query: statement.textOf(start + 1, end - 1) }
}

function readTable(
  statement: StatementText,
  table: QualifiedName,
  columns: readonly string[] | null,
): CopyTable | null {
  const { shape } = statement
  const at = statement.findWord(['to'])
  if (at < 0) return null
  const isOldBinary = /^\s*copy\s+binary\b/i.test(shape)
  return {
    kind: 'table',
    table,
    columns,
    asQuery: (named) => {
      // Only the new form of COPY takes a query.
      if (isOldBinary) return null
      const from =
        table.schema === null ? quoted(table.name) : `${quoted(table.schema)}.${quoted(table.name)}`
      const rest = statement.textOf(at, shape.length)
      return `copy (select ${named.map(quoted).join(', ')} from ${from}) ${rest}`
    },
  }
}

function readIn(
  statement: StatementText,
  table: QualifiedName,
  columns: readonly string[] | null,
  copy: Fields,
): CopyIn | null {
  const options = new Map<string, unknown>()
  for (const item of listOf(copy.options)) {
    const option = asNode(item, 'DefElem')
    const name = textOf(option?.defname)
    if (option === null || name === null || options.has(name)) return null
    options.set(name, option.arg)
  }
  const format = formatOf(options)
  const at = statement.findWord(['from'])
  if (format === null || at < 0) return null
  const { shape } = statement
  return {
    kind: 'in',
    table,
    columns,
    format,
    withColumns: (named) =>
      `${statement.textOf(0, at)}(${named.map(quoted).join(', ')}) ${statement.textOf(at, shape.length)}`,
    apart: [...options].filter(([name, value]) => isApart(name, value)).map(([name]) => name.toUpperCase()),
    encoding: stringOf(options.get('encoding')),
    hasCondition: copy.whereClause !== undefined,
  }
}

function isApart(name: string, value: unknown): boolean {
  if (name === 'on_error') return stringOf(value)?.toLowerCase() !== 'stop'
  return !HARMLESS.has(name)
}

function formatOf(options: ReadonlyMap<string, unknown>): CopyFormat | null {
  const kind = stringOf(options.get('format')) ?? 'text'
  if (kind === 'binary') return { kind }
  const header = headerOf(options)
  const isCsv = kind === 'csv'
  if ((!isCsv && kind !== 'text') || header === null) return null
  const lines = {
    delimiter: stringOf(options.get('delimiter')) ?? (isCsv ? ',' : '\t'),
    null: stringOf(options.get('null')) ?? (isCsv ? '' : '\\N'),
    default: stringOf(options.get('default')),
    header,
  }
  if (!isCsv) return { kind, ...lines }
  const quote = stringOf(options.get('quote')) ?? '"'
  return {
    kind,
    ...lines,
    quote,
    escape: stringOf(options.get('escape')) ?? quote,
    forceNull: choiceOf(options.get('force_null')),
    forceNotNull: choiceOf(options.get('force_not_null')),
  }
}

/** Null: what is said is not known here. */
function headerOf(options: ReadonlyMap<string, unknown>): boolean | null {
  if (!options.has('header')) return false
  const value = options.get('header')
  if (value === undefined) return true
  const said = asNode(value, 'Boolean')
  if (said !== null) return said.boolval === true
  const number = asNode(value, 'Integer')
  if (number !== null) return [undefined, 0, 1].includes(number.ival as number) ? number.ival === 1 : null
  const word = stringOf(value)?.toLowerCase() ?? ''
  if (['true', 'on', 'match'].includes(word)) return true
  return ['false', 'off'].includes(word) ? false : null
}

function choiceOf(value: unknown): ColumnChoice {
  if (openNode(value)?.type === 'A_Star') return 'all'
  const list = asNode(value, 'List')
  return list === null ? [] : namesOf(list.items)
}

function namesOf(list: unknown): string[] {
  return listOf(list).map((item) => stringOf(item) ?? '')
}

function stringOf(node: unknown): string | null {
  const text = asNode(node, 'String')
  if (text === null) return null
  return typeof text.sval === 'string' ? text.sval : ''
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
