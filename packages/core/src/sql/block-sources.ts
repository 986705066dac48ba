import type { Fields } from './parser.js'
import type { DraftSource } from './statement-draft.js'
import type { QualifiedName } from './statement-facts.js'
import { asNode, isFields, NotUnderstood, openNode, textOf } from './tree.js'

/** The sources of a FROM; names of CTEs in sight are no tables. */
export function sourcesOf(from: readonly unknown[], ctes: ReadonlySet<string>): DraftSource[] {
  const sources: DraftSource[] = []
  for (const item of from) collectSources(item, ctes, sources, false)
  return sources
}

/**
 * What a FROM item adds to its block; the walk over the same item notes everything else. Behind the alias
 * of a join the names of its sides are out of sight.
 */
function collectSources(
  item: unknown,
  ctes: ReadonlySet<string>,
  sources: DraftSource[],
  hidden: boolean,
): void {
  const node = openNode(item)
  if (node === null) return
  const { type, fields } = node
  if (type === 'JoinExpr') {
    const isNamed = hidden || isFields(fields.alias)
    collectSources(fields.larg, ctes, sources, isNamed)
    collectSources(fields.rarg, ctes, sources, isNamed)
  } else if (type === 'RangeTableSample') collectSources(fields.relation, ctes, sources, hidden)
  else {
    const source = type === 'RangeVar' ? tableSource(fields, ctes) : plainSource(aliasOf(fields))
    sources.push(hidden ? { ...source, alias: null } : source)
  }
}

/** A table by its name, or a CTE. */
export function tableSource(fields: Fields, ctes: ReadonlySet<string>): DraftSource {
  const name = rangeName(fields)
  const renamed = isFields(fields.alias) && fields.alias.colnames !== undefined
  const isCte = name.schema === null && ctes.has(name.name)
  const relation = isCte ? null : name
  const alias = aliasOf(fields) ?? name.name
  return { alias, table: renamed ? null : relation, relation, nullable: false }
}

/** What is no table. */
export function plainSource(alias: string | null): DraftSource {
  return { alias, table: null, relation: null, nullable: false }
}

/** Whether a join has an alias of its own. */
export function hasNamedJoin(item: unknown): boolean {
  const join = asNode(item, 'JoinExpr')
  return join !== null && (isFields(join.alias) || hasNamedJoin(join.larg) || hasNamedJoin(join.rarg))
}

export function rangeName(fields: Fields): QualifiedName {
  const name = textOf(fields.relname)
  if (name === null) throw new NotUnderstood('a table without a name')
  return { schema: textOf(fields.schemaname), name }
}

function aliasOf(fields: Fields): string | null {
  return isFields(fields.alias) ? textOf(fields.alias.aliasname) : null
}
