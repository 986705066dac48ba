import { parseSql } from './parser.js'
import { StatementText } from './statement-text.js'
import { asNode, isFields, textOf } from './tree.js'

/**
 * An UPDATE that returns one column more, called `name`, behind those it returns already: what `say` makes of the
 * name by which its table's columns are called there. Null where it cannot be said.
 */
export function returningMore(text: string, name: string, say: (table: string) => string): string | null {
  const statement = new StatementText(text)
  const parsed = statement.isPlain ? parseSql(statement.shape) : null
  if (parsed?.kind !== 'tree' || parsed.statements.length !== 1) return null
  const relation = asNode(parsed.statements[0]?.stmt, 'UpdateStmt')?.relation
  if (!isFields(relation)) return null
  const table = aliasOf(relation.alias) ?? textOf(relation.relname)
  if (table === null) return null
  const end = statement.shape.replace(/[\s;]+$/, '').length
  const returns = statement.findWord(['returning']) >= 0
  return `${statement.textOf(0, end)}\n${returns ? ',' : 'returning'} ${say(quoted(table))} as ${quoted(name)}`
}

function aliasOf(alias: unknown): string | null {
  return isFields(alias) ? textOf(alias.aliasname) : null
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
