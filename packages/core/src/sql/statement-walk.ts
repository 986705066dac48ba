import { collectConditions, collectMergeConditions } from './block-conditions.js'
import { hasNamedJoin, plainSource, rangeName, sourcesOf, tableSource } from './block-sources.js'
import { assignmentsOf, insertOf, mergeInsertsOf, rangeOfMerge } from './change-facts.js'
import type { Fields } from './parser.js'
import { QUERY_NODES } from './query-grammar.js'
import { isLimited, OUTERMOST, type Scope, within } from './scope.js'
import type { ShapeLiterals } from './shape-literals.js'
import type { DraftSource, QueryDraft, StatementDraft } from './statement-draft.js'
import type { QualifiedName, QueryBlock, TableUse, Trace } from './statement-facts.js'
import { asNode, isFields, listOf, NotUnderstood, nameOf, openNode, textOf } from './tree.js'

/** Levels of a tree we follow; one more than any person writes, and far from the end of the stack. */
const MAX_DEPTH = 500

const FROM_FIELDS = ['fromClause', 'usingClause', 'sourceRelation']

/** Columns of every table that say where a server keeps the row, and since when. */
export const SYSTEM_COLUMNS: ReadonlySet<string> = new Set([
  'ctid',
  'xmin',
  'xmax',
  'cmin',
  'cmax',
  'tableoid',
])

/** The comparisons that a construct stands for without naming them. */
const BETWEEN_OPERATORS = ['>=', '<=']

/** Functions whose names alone say what they leave in the session. */
function traceOf(name: string): Trace | null {
  if (name === 'set_config' || name === 'setseed') return 'settings'
  if (/^pg_(try_)?advisory_/.test(name)) return 'advisory'
  return null
}

/** Walks the tree of one query and notes what it does; throws `NotUnderstood`. */
export class StatementWalk implements QueryDraft {
  readonly draft: StatementDraft
  readonly literals: ShapeLiterals
  private depth = 0

  constructor(draft: StatementDraft, literals: ShapeLiterals) {
    this.draft = draft
    this.literals = literals
  }

  /** A whole query: SELECT, INSERT, UPDATE, DELETE or MERGE. */
  readQuery(node: unknown): void {
    this.walk(node, OUTERMOST)
  }

  walk(value: unknown, scope: Scope): void {
    if (Array.isArray(value)) for (const item of value) this.walk(item, scope)
    else {
      const node = openNode(value)
      if (node !== null) this.visit(node.type, node.fields, scope)
    }
  }

  private visit(type: string, fields: Fields, scope: Scope): void {
    if (++this.depth > MAX_DEPTH) throw new NotUnderstood('nested too deeply')
    switch (type) {
      case 'SelectStmt':
        this.visitSelect(fields, scope)
        break
      case 'InsertStmt':
        this.visitInsert(fields, scope)
        break
      case 'UpdateStmt':
        this.visitChange('UPDATE', fields, listOf(fields.fromClause), scope)
        break
      case 'DeleteStmt':
        this.visitChange('DELETE', fields, listOf(fields.usingClause), scope)
        break
      case 'MergeStmt':
        this.visitChange('MERGE', fields, [fields.sourceRelation], scope)
        break
      case 'MultiAssignRef':
        // (a, b) = (SELECT …): the parser repeats the subquery for each column.
        if (fields.colno === 1) this.visitFields(type, fields, scope)
        break
      default:
        this.note(type, fields, scope)
        this.visitFields(type, fields, within(type, fields, scope))
    }
    this.depth--
  }

  /** Follows every field as the grammar says, except those named. */
  private visitFields(type: string, fields: Fields, scope: Scope, except: readonly string[] = []): void {
    const rules = Object.hasOwn(QUERY_NODES, type) ? QUERY_NODES[type] : undefined
    if (rules === undefined) throw new NotUnderstood(`${type} in a query`)
    const isStatement = type.endsWith('Stmt')
    for (const [field, value] of Object.entries(fields)) {
      const rule = Object.hasOwn(rules, field) ? rules[field] : undefined
      if (rule === undefined) throw new NotUnderstood(`${type} with ${field}`)
      if (rule === 'ignored' || except.includes(field)) continue
      const inside = isStatement && FROM_FIELDS.includes(field) ? { ...scope, inFrom: true } : scope
      if (rule === 'walked') this.walk(value, inside)
      else if (isFields(value)) this.visit(rule, value, inside)
    }
  }

  private visitSelect(fields: Fields, outer: Scope): void {
    const scope = this.visitWith(fields, outer)
    if (fields.lockingClause !== undefined) this.draft.writes = true
    if (isFields(fields.intoClause)) this.noteInto(fields.intoClause)
    if (fields.op !== 'SETOP_NONE') {
      const combined: Scope = {
        ...scope,
        block: null,
        place: scope.place === 'top' ? 'arm' : scope.place,
        limited: scope.limited || isLimited(fields),
      }
      this.notePositions(fields, null)
      this.noteComparison(fields)
      this.visitFields('SelectStmt', fields, combined, ['withClause'])
      return
    }
    const block = this.openBlock('SELECT', listOf(fields.fromClause), scope, isLimited(fields))
    this.notePositions(fields, block)
    this.noteComparison(fields)
    const inside = { ...scope, block, inFrom: false, limited: false }
    this.visitFields('SelectStmt', fields, inside, ['withClause'])
    collectConditions(this, inside, listOf(fields.fromClause), fields.whereClause)
  }

  private visitInsert(fields: Fields, outer: Scope): void {
    const scope = this.visitWith(fields, outer)
    const target = this.noteTarget(fields.relation)
    const { draft } = this
    const block = draft.blocks.push({
      command: 'INSERT',
      place: scope.place,
      limited: false,
      sources: [target, plainSource('excluded')],
      opaque: false,
    })
    const table = target.relation
    if (table === null) throw new NotUnderstood('INSERT into something unknown')
    const selectBlock = draft.blocks.length
    const inside = { ...scope, block: block - 1, inFrom: false }
    draft.assignments.push(...assignmentsOf(block - 1, asFields(fields.onConflictClause).targetList))
    this.walk(fields.selectStmt, { ...scope, place: scope.place === 'top' ? 'insert' : scope.place })
    draft.inserts.push(insertOf(this, fields, table, block - 1, selectBlock))
    this.visitFields('InsertStmt', fields, inside, ['withClause', 'relation', 'selectStmt'])
  }

  private visitChange(
    command: 'UPDATE' | 'DELETE' | 'MERGE',
    fields: Fields,
    from: readonly unknown[],
    outer: Scope,
  ): void {
    const scope = this.visitWith(fields, outer)
    const target = this.noteTarget(fields.relation)
    const block = this.openBlock(command, from, scope, false, target)
    const inside = { ...scope, block, inFrom: false, limited: false }
    const type = `${command.charAt(0)}${command.slice(1).toLowerCase()}Stmt`
    this.visitFields(type, fields, inside, ['withClause', 'relation'])
    this.draft.assignments.push(...assignmentsOf(block, fields.targetList))
    if (command === 'MERGE') this.visitMerge(fields, inside, block, target.relation)
    else collectConditions(this, inside, from, fields.whereClause, 1)
  }

  private visitMerge(fields: Fields, scope: Scope, block: number, table: QualifiedName | null): void {
    if (table === null) throw new NotUnderstood('MERGE into something unknown')
    const { draft } = this
    const clauses = listOf(fields.mergeWhenClauses).map((each) => asNode(each, 'MergeWhenClause') ?? {})
    for (const clause of clauses)
      if (clause.commandType === 'CMD_UPDATE')
        draft.assignments.push(...assignmentsOf(block, clause.targetList))
    draft.inserts.push(...mergeInsertsOf(this, clauses, table, block))
    const of = rangeOfMerge(clauses, draft.blocks[block]?.sources.length ?? 0)
    collectMergeConditions(this, scope, fields.sourceRelation, fields.joinCondition, of)
  }

  /** The names a WITH defines: in sight of each other under RECURSIVE, else of those that come after. */
  private visitWith(fields: Fields, outer: Scope): Scope {
    if (!isFields(fields.withClause)) return outer
    const clause = fields.withClause
    const ctes = new Set(outer.ctes)
    const queries = listOf(clause.ctes).map((cte) => asNode(cte, 'CommonTableExpr') ?? {})
    const names = queries.map((cte) => textOf(cte.ctename) ?? '')
    if (clause.recursive === true) for (const name of names) ctes.add(name)
    queries.forEach((cte, index) => {
      this.visit('CommonTableExpr', cte, {
        ...outer,
        ctes: new Set(ctes),
        block: null,
        place: 'cte',
        limited: false,
      })
      ctes.add(names[index] ?? '')
    })
    return { ...outer, ctes }
  }

  private openBlock(
    command: QueryBlock['command'],
    from: readonly unknown[],
    scope: Scope,
    limited: boolean,
    target?: DraftSource,
  ): number {
    const sources = sourcesOf(from, scope.ctes)
    if (target !== undefined) sources.unshift(target)
    return (
      this.draft.blocks.push({
        command,
        place: scope.place,
        limited: limited || scope.limited,
        sources,
        opaque: from.some(hasNamedJoin),
      }) - 1
    )
  }

  /** A table that is written; a CTE of the same name does not hide it. */
  private noteTarget(relation: unknown): DraftSource {
    if (!isFields(relation)) throw new NotUnderstood('a statement without its table')
    this.draft.writes = true
    this.noteTable(relation, 'write')
    return tableSource(relation, OUTERMOST.ctes)
  }

  private noteTable(fields: Fields, access: TableUse['access']): void {
    const { schema, name } = rangeName(fields)
    if (isTemporary(schema) || fields.relpersistence === 't') this.draft.traces.add('temp')
    this.draft.addTable(schema, name, access)
  }

  private noteInto(into: Fields): void {
    if (!isFields(into.rel)) throw new NotUnderstood('INTO without a table')
    this.draft.writes = true
    this.draft.kind = 'ddl'
    this.noteTable(into.rel, 'write')
  }

  /** What a node says by itself, beside what stands in it. */
  private note(type: string, fields: Fields, scope: Scope): void {
    switch (type) {
      case 'RangeVar':
        if (rangeName(fields).schema !== null || !scope.ctes.has(rangeName(fields).name))
          this.noteTable(fields, 'read')
        break
      case 'FuncCall':
        this.noteFunction(nameOf(fields.funcname))
        break
      case 'RangeTableSample':
        this.noteFunction(nameOf(fields.method))
        break
      case 'TypeName':
        this.noteType(fields)
        break
      case 'ColumnRef':
        for (const part of listOf(fields.fields).slice(1)) this.noteAttribute(part)
        this.noteSystemColumn(listOf(fields.fields).at(-1))
        break
      case 'SQLValueFunction':
        this.draft.serverWords.add(String(fields.op).replace('SVFOP_', '').toLowerCase())
        break
      case 'A_Indirection':
        for (const part of listOf(fields.indirection)) this.noteAttribute(part)
        break
      case 'ParamRef':
        this.draft.maxParameter = Math.max(this.draft.maxParameter, Number(fields.number ?? 0))
        break
      case 'CurrentOfExpr':
        this.draft.traces.add('cursor')
        break
      default:
        this.noteOperators(type, fields)
    }
  }

  private noteOperators(type: string, fields: Fields): void {
    if (type === 'A_Expr' && String(fields.kind).includes('BETWEEN'))
      for (const name of BETWEEN_OPERATORS) this.draft.addOperator(null, name)
    else if (type === 'A_Expr') this.noteOperator(fields.name)
    else if (type === 'SortBy' && fields.useOp !== undefined) this.noteOperator(fields.useOp)
    else if (type === 'SubLink' && fields.operName !== undefined) this.noteOperator(fields.operName)
    else if (type === 'SubLink' && fields.subLinkType === 'ANY_SUBLINK') this.draft.addOperator(null, '=')
    else if (type === 'CaseExpr' && fields.arg !== undefined) this.draft.addOperator(null, '=')
    else if (type === 'JoinExpr' && (fields.usingClause !== undefined || fields.isNatural === true))
      this.draft.addOperator(null, '=')
  }

  private noteOperator(names: unknown): void {
    const { schema, name } = nameOf(names)
    this.draft.addOperator(schema, name)
  }

  /** Sorting and removing duplicates compare, by the operators of the type's own operator class. */
  private noteComparison(fields: Fields): void {
    if (fields.sortClause !== undefined) this.draft.addOperator(null, '<')
    if (fields.groupClause !== undefined || fields.distinctClause !== undefined || fields.op !== 'SETOP_NONE')
      this.draft.addOperator(null, '=')
  }

  private noteFunction({ schema, name }: QualifiedName): void {
    this.draft.addFunction(schema, name)
    if (isTemporary(schema)) this.draft.traces.add('temp')
    const trace = traceOf(name)
    if (trace !== null) this.draft.traces.add(trace)
  }

  private noteAttribute(part: unknown): void {
    const name = textOf(asNode(part, 'String')?.sval)
    if (name !== null) this.draft.addAttribute(name)
  }

  private noteSystemColumn(part: unknown): void {
    const name = textOf(asNode(part, 'String')?.sval)
    if (name !== null && SYSTEM_COLUMNS.has(name)) this.draft.serverWords.add(name)
  }

  private noteType(fields: Fields): void {
    const { schema, name } = nameOf(fields.names)
    if (schema !== 'pg_catalog') this.draft.addType(schema, name)
  }

  private notePositions(fields: Fields, block: number | null): void {
    const note = (clause: 'order' | 'group' | 'distinct', node: unknown): void => {
      const constant = asNode(node, 'A_Const')
      const found = constant?.ival === undefined ? null : this.literals.find(constant.location)
      if (found !== null) this.draft.positions.push({ block, clause, literal: found.index })
    }
    for (const item of listOf(fields.sortClause)) note('order', asNode(item, 'SortBy')?.node)
    for (const item of listOf(fields.groupClause)) note('group', item)
    for (const item of listOf(fields.distinctClause)) note('distinct', item)
  }
}

function asFields(value: unknown): Fields {
  return isFields(value) ? value : {}
}

export function isTemporary(schema: string | null): boolean {
  return schema !== null && (schema === 'pg_temp' || schema.startsWith('pg_temp_'))
}
