import { noteMentions } from './mentions.js'
import type { Fields } from './parser.js'
import type { StatementKind } from './statement-facts.js'
import { STATEMENT_RULES, type StatementRule, TRANSACTION_COMMANDS } from './statement-rules.js'
import type { StatementWalk } from './statement-walk.js'
import { isTemporary } from './statement-walk.js'
import { asNode, isFields, listOf, NotUnderstood, openNode, textOf } from './tree.js'

const QUERIES: Readonly<Record<string, { command: string; kind: StatementKind }>> = {
  SelectStmt: { command: 'SELECT', kind: 'read' },
  InsertStmt: { command: 'INSERT', kind: 'write' },
  UpdateStmt: { command: 'UPDATE', kind: 'write' },
  DeleteStmt: { command: 'DELETE', kind: 'write' },
  MergeStmt: { command: 'MERGE', kind: 'write' },
}

/** What these hold inside is read as a query is. */
const WALKED: ReadonlySet<string> = new Set(['ExplainStmt', 'DeclareCursorStmt', 'PrepareStmt', 'CopyStmt'])

/** From harmless to worst: of several statements a text is the worst. */
const SEVERITY: readonly StatementKind[] = [
  'empty',
  'read',
  'write',
  'transaction',
  'session',
  'copy',
  'maintenance',
  'ddl',
  'unknown',
]

/** Adds one statement to the facts of its text. */
export function readStatement(walk: StatementWalk, statement: Fields): void {
  const node = openNode(statement)
  if (node === null) throw new NotUnderstood('an empty statement')
  const { draft } = walk
  const before = draft.kind
  draft.kind = 'empty'
  const command = readNode(walk, node.type, node.fields, statement)
  draft.command ||= command
  draft.statements++
  draft.kind = worse(before, draft.kind)
}

function readNode(walk: StatementWalk, type: string, fields: Fields, node: Fields): string {
  const query = Object.hasOwn(QUERIES, type) ? QUERIES[type] : undefined
  if (query !== undefined) {
    walk.readQuery(node)
    const kind = query.kind === 'read' && walk.draft.writes ? 'write' : query.kind
    walk.draft.kind = worse(walk.draft.kind, kind)
    return query.command
  }
  const rule = Object.hasOwn(STATEMENT_RULES, type) ? STATEMENT_RULES[type] : undefined
  if (rule === undefined) throw new NotUnderstood(`${type} is not known`)
  apply(walk, rule)
  if (!WALKED.has(type)) noteMentions(walk.draft, fields)
  return readInside(walk, type, fields) ?? rule.command
}

function apply({ draft }: StatementWalk, rule: StatementRule): void {
  draft.kind = rule.kind
  draft.writes ||= rule.writes
  for (const trace of rule.traces) draft.traces.add(trace)
  if (rule.kind !== 'read') draft.why ??= `${rule.command || 'a transaction'} needs a connection of its own`
}

/** What the node type alone does not say; gives the command where that is not the rule's own. */
function readInside(walk: StatementWalk, type: string, fields: Fields): string | null {
  const { draft } = walk
  switch (type) {
    case 'TransactionStmt':
      return readTransaction(walk, fields)
    case 'VariableSetStmt':
      readSetting(walk, fields)
      return String(fields.kind).startsWith('VAR_RESET') ? 'RESET' : null
    case 'ExplainStmt':
      readExplain(walk, fields)
      return null
    case 'CopyStmt':
      readCopy(walk, fields)
      return null
    case 'DeclareCursorStmt':
      readNested(walk, fields.query)
      draft.traces.add('cursor')
      return null
    case 'PrepareStmt':
      readNested(walk, fields.query)
      return null
    case 'DiscardStmt':
      if (fields.target === 'DISCARD_ALL')
        for (const trace of ['prepared', 'listen'] as const) draft.traces.add(trace)
      return null
    case 'VacuumStmt':
      return fields.is_vacuumcmd === true ? null : 'ANALYZE'
    case 'GrantStmt':
    case 'GrantRoleStmt':
      return fields.is_grant === true ? null : 'REVOKE'
    default:
      if (mentionsTemporary(fields)) draft.traces.add('temp')
      return null
  }
}

function readTransaction({ draft }: StatementWalk, fields: Fields): string {
  const known = TRANSACTION_COMMANDS[String(fields.kind)]
  if (known === undefined) throw new NotUnderstood('a transaction statement that is not known')
  draft.writes ||= known.writes
  return known.command
}

/** SET LOCAL and SET TRANSACTION end with their transaction. */
function readSetting({ draft }: StatementWalk, fields: Fields): void {
  const { kind, name } = fields
  const isOfTransaction =
    fields.is_local === true ||
    (kind === 'VAR_SET_MULTI' && (name === 'TRANSACTION' || name === 'TRANSACTION SNAPSHOT'))
  if (!isOfTransaction) draft.traces.add('settings')
}

/** Whatever value ANALYZE is given: a literal may say it, and literals play no part in facts. */
function readExplain(walk: StatementWalk, fields: Fields): void {
  const { draft } = walk
  const runs = listOf(fields.options).some((option) => asNode(option, 'DefElem')?.defname === 'analyze')
  readNested(walk, fields.query)
  if (runs) draft.why ??= 'EXPLAIN ANALYZE runs the statement'
}

function readCopy(walk: StatementWalk, fields: Fields): void {
  const { draft } = walk
  const touchesServer = fields.filename !== undefined || fields.is_program === true
  if (fields.is_from === true || touchesServer) draft.writes = true
  if (fields.query !== undefined) readNested(walk, fields.query)
  const table = isFields(fields.relation) ? fields.relation : null
  const name = textOf(table?.relname)
  if (table === null || name === null) return
  draft.addTable(textOf(table.schemaname), name, fields.is_from === true ? 'write' : 'read')
  if (fields.whereClause !== undefined) walk.readQuery(fields.whereClause)
  if (isTemporary(textOf(table.schemaname))) draft.traces.add('temp')
}

/** A statement inside another: its own kind does not replace that of the outer one, unless it is worse. */
function readNested(walk: StatementWalk, query: unknown): void {
  const { draft } = walk
  const node = openNode(query)
  if (node === null) throw new NotUnderstood('a statement without its query')
  const outer = draft.kind
  readNode(walk, node.type, node.fields, { [node.type]: node.fields })
  draft.kind = worse(outer, draft.kind)
}

/** Whether a definition says TEMP, or names something in the schema of temporary things. */
function mentionsTemporary(value: unknown): boolean {
  if (typeof value === 'string') return isTemporary(value)
  if (Array.isArray(value)) return value.some(mentionsTemporary)
  if (!isFields(value)) return false
  return value.relpersistence === 't' || Object.values(value).some(mentionsTemporary)
}

function worse(one: StatementKind, other: StatementKind): StatementKind {
  return SEVERITY.indexOf(one) > SEVERITY.indexOf(other) ? one : other
}
