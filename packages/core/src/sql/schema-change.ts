import { type Fields, parseSql } from './parser.js'
import type { QualifiedName } from './statement-facts.js'
import { asNode, isFields, listOf, nameOf, openNode, textOf } from './tree.js'

/** What a statement that changes the schema is about. */
export interface SchemaChange {
  /** Tables and what belongs to them, by the names that stand in it. */
  readonly relations: readonly QualifiedName[]
  /** Columns of which it promises that no two rows have the same; an expression is null. */
  readonly uniques: readonly (readonly (string | null)[])[]
  readonly references: readonly ForeignKey[]
  /** Columns that are renamed, dropped, or get another type. */
  readonly changedColumns: readonly string[]
  /** Columns whose values each server draws from a sequence of its own. */
  readonly drawnColumns: readonly string[]
  /** A sequence that is there gives other numbers afterwards. */
  readonly renumbers: boolean
  /** Columns whose default is not the same wherever and whenever it is computed. */
  readonly varyingColumns: readonly string[]
  /** A relation is called something else afterwards, or is in another schema. */
  readonly renames: boolean
  /** A query is part of it: a view, CREATE TABLE AS. */
  readonly hasQuery: boolean
  readonly temporary: boolean
  /** It cannot be part of a transaction. */
  readonly apart: boolean
  /** It is about no relation, but about what relations are made of: types, schemas, functions, rights. */
  readonly general: boolean
}

export interface ForeignKey {
  readonly columns: readonly string[]
  readonly table: QualifiedName
  /** Empty: its primary key. */
  readonly to: readonly string[]
}

/** Statements about the server rather than about this database. */
const OF_SERVER =
  /^(Createdb|Dropdb|AlterDatabase|AlterSystem|CreateTableSpace|DropTableSpace|AlterTableSpace)/
/** What says of a sequence which numbers it gives. */
const NUMBERING = new Set(['increment', 'start', 'restart', 'minvalue', 'maxvalue', 'cycle'])
const SERIAL = /^(small|big)?serial[248]?$/
/** What DROP and COMMENT name by lists of words is a relation for these. */
const RELATION_TYPES =
  /^OBJECT_(TABLE|INDEX|VIEW|MATVIEW|SEQUENCE|FOREIGN_TABLE|TRIGGER|RULE|POLICY|COLUMN|TABCONSTRAINT)$/
/** The last of their words is not part of the relation's name. */
const OF_RELATION = /^OBJECT_(TRIGGER|RULE|POLICY|COLUMN|TABCONSTRAINT)$/

/** Reads a single statement; null where it is none that changes a schema, or is not understood. */
export function readSchemaChange(text: string): SchemaChange | null {
  const parsed = parseSql(text)
  if (parsed.kind !== 'tree' || parsed.statements.length !== 1) return null
  const node = openNode(parsed.statements[0]?.stmt)
  if (node === null) return null
  const change = new ChangeReader()
  change.read(node.type, node.fields)
  return change.done(node.type, node.fields)
}

class ChangeReader {
  readonly #relations: QualifiedName[] = []
  readonly #uniques: (string | null)[][] = []
  readonly #references: ForeignKey[] = []
  readonly #changedColumns: string[] = []
  readonly #drawnColumns: string[] = []
  readonly #varyingColumns: string[] = []
  #renumbers = false
  #temporary = false
  #hasQuery = false

  read(type: string, fields: Fields): void {
    if (type === 'DropStmt') for (const name of listOf(fields.objects)) this.#named(fields.removeType, name)
    if (type === 'CommentStmt' || type === 'SecLabelStmt') this.#named(fields.objtype, fields.object)
    if (type === 'RenameStmt' && fields.renameType === 'OBJECT_COLUMN') this.#column(fields.subname)
    if (type === 'AlterSeqStmt') this.#renumbers = isNumbering(fields.options)
    if (type === 'IndexStmt' && fields.unique === true)
      this.#uniques.push(listOf(fields.indexParams).map((each) => textOf(asNode(each, 'IndexElem')?.name)))
    this.#walk(fields, null)
  }

  #named(kind: unknown, name: unknown): void {
    if (typeof kind !== 'string' || !RELATION_TYPES.test(kind)) return
    const words = listOf(asNode(name, 'List')?.items)
    const own = OF_RELATION.test(kind) ? words.slice(0, -1) : words
    const { schema, name: relation } = nameOf(own)
    if (relation !== '') this.#relations.push({ schema, name: relation })
  }

  #column(name: unknown): void {
    const column = textOf(name)
    if (column !== null) this.#changedColumns.push(column)
  }

  /** `column`: whose definition this is part of. */
  #walk(value: unknown, column: string | null): void {
    if (Array.isArray(value)) {
      for (const each of value) this.#walk(each, column)
      return
    }
    if (!isFields(value)) return
    if (typeof value.relname === 'string') {
      this.#relations.push({ schema: textOf(value.schemaname), name: value.relname })
      this.#temporary ||= value.relpersistence === 't'
      return
    }
    for (const [key, inner] of Object.entries(value)) {
      if (!isFields(inner) && !Array.isArray(inner)) continue
      if (key === 'Constraint') this.#constraint(inner as Fields, column)
      else if (key === 'ColumnDef') this.#columnDefinition(inner as Fields)
      else {
        if (key === 'AlterTableCmd') this.#alteration(inner as Fields)
        if (key === 'SelectStmt') this.#hasQuery = true
        this.#walk(inner, column)
      }
    }
  }

  #columnDefinition(fields: Fields): void {
    const name = textOf(fields.colname)
    const type = isFields(fields.typeName) ? nameOf(fields.typeName.names).name : ''
    if (name !== null && SERIAL.test(type)) this.#drawnColumns.push(name)
    this.#walk(fields.constraints, name)
  }

  #alteration({ subtype, name, def }: Fields): void {
    if (subtype === 'AT_DropColumn' || subtype === 'AT_AlterColumnType') this.#column(name)
    const column = textOf(name)
    if (subtype === 'AT_AddIdentity' && column !== null) this.#drawnColumns.push(column)
    if (subtype === 'AT_SetIdentity') this.#renumbers ||= isNumbering(asNode(def, 'List')?.items)
    if (subtype === 'AT_ColumnDefault' && column !== null && def !== undefined) this.#default(column, def)
  }

  #constraint(fields: Fields, column: string | null): void {
    const own = column === null ? [] : [column]
    switch (fields.contype) {
      case 'CONSTR_PRIMARY':
      case 'CONSTR_UNIQUE': {
        const keys = names(fields.keys)
        this.#uniques.push(keys.length > 0 ? keys : own)
        return
      }
      case 'CONSTR_EXCLUSION':
        this.#uniques.push([null])
        return
      case 'CONSTR_IDENTITY':
        if (column !== null) this.#drawnColumns.push(column)
        return
      case 'CONSTR_FOREIGN': {
        const table = isFields(fields.pktable) ? fields.pktable : {}
        const columns = names(fields.fk_attrs)
        this.#references.push({
          columns: columns.length > 0 ? columns : own,
          table: { schema: textOf(table.schemaname), name: textOf(table.relname) ?? '' },
          to: names(fields.pk_attrs),
        })
        return
      }
      case 'CONSTR_DEFAULT':
        if (column !== null) this.#default(column, fields.raw_expr)
    }
  }

  #default(column: string, expression: unknown): void {
    if (isConstant(expression)) return
    this.#varyingColumns.push(column)
    if (JSON.stringify(expression).includes('"nextval"')) this.#drawnColumns.push(column)
  }

  done(type: string, fields: Fields): SchemaChange | null {
    const isOfServer = OF_SERVER.test(type)
    return {
      relations: this.#relations,
      uniques: this.#uniques,
      references: this.#references,
      changedColumns: this.#changedColumns,
      drawnColumns: this.#drawnColumns,
      renumbers: this.#renumbers,
      varyingColumns: this.#varyingColumns,
      renames:
        (type === 'RenameStmt' && fields.renameType === 'OBJECT_TABLE') ||
        (type === 'AlterObjectSchemaStmt' && this.#relations.length > 0),
      hasQuery: this.#hasQuery && type !== 'RuleStmt',
      temporary: this.#temporary,
      apart: fields.concurrent === true || isOfServer || APART.test(type),
      general: this.#relations.length === 0 && !isOfServer,
    }
  }
}

function isNumbering(options: unknown): boolean {
  return listOf(options).some((option) => NUMBERING.has(textOf(asNode(option, 'DefElem')?.defname) ?? ''))
}

const APART = /^(VacuumStmt|ReindexStmt|ClusterStmt)$/

function names(list: unknown): string[] {
  return listOf(list).flatMap((each) => textOf(asNode(each, 'String')?.sval) ?? [])
}

/** The same wherever and whenever it is computed. */
function isConstant(expression: unknown): boolean {
  const node = openNode(expression)
  if (node === null) return false
  if (node.type === 'A_Const') return true
  return node.type === 'TypeCast' && isConstant(node.fields.arg)
}
