import type { StatementDraft } from './statement-draft.js'
import { asNode, isFields, nameOf, textOf } from './tree.js'

/**
 * Notes every relation that a statement other than a query names, and every dotted name in it that may be
 * one, with its last part and without: `DROP TRIGGER t ON a.b` has the name `a.b.t`.
 */
export function noteMentions(draft: StatementDraft, value: unknown): void {
  if (Array.isArray(value)) {
    if (value.length > 0 && value.every((part) => asNode(part, 'String') !== null)) {
      noteName(draft, value)
      if (value.length > 1) noteName(draft, value.slice(0, -1))
    } else for (const part of value) noteMentions(draft, part)
  } else if (isFields(value)) {
    const name = textOf(value.relname)
    if (name !== null) draft.addMention(textOf(value.schemaname), name)
    for (const [field, inside] of Object.entries(value))
      if (!NO_RELATIONS.has(field)) noteMentions(draft, inside)
  }
}

/** Names of columns, types and the like. */
const NO_RELATIONS = new Set([
  ...[
    'ColumnRef',
    'TypeName',
    'typeName',
    'keys',
    'fk_attrs',
    'pk_attrs',
    'columns',
    'cols',
    'colnames',
    'aliases',
  ],
  ...['funcname', 'name', 'va_cols', 'opclass', 'collname', 'options'],
])

function noteName(draft: StatementDraft, parts: readonly unknown[]): void {
  if (parts.some((part) => textOf(asNode(part, 'String')?.sval) === null)) return
  const { schema, name } = nameOf(parts)
  draft.addMention(schema, name)
}
