import type { Fields } from './parser.js'

/** A statement has something that is not on our lists; the message says what. */
export class NotUnderstood extends Error {}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The type and fields of a node, which the parser writes as `{ NodeType: fields }`; null for no node. */
export function openNode(node: unknown): { type: string; fields: Fields } | null {
  if (!isFields(node)) return null
  const [entry, another] = Object.entries(node)
  if (entry === undefined) return null
  if (another !== undefined || !isFields(entry[1])) throw new NotUnderstood('a node of an unknown form')
  return { type: entry[0], fields: entry[1] }
}

/** The fields of a node if it is of this type. */
export function asNode(node: unknown, type: string): Fields | null {
  return isFields(node) && isFields(node[type]) ? node[type] : null
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** A dotted name; of three parts the first is the database, which can only be this one. */
export function nameOf(value: unknown): { schema: string | null; name: string } {
  const parts = listOf(value).map((part) => textOf(asNode(part, 'String')?.sval))
  const name = parts.at(-1)
  if (name === undefined || parts.some((part) => part === null) || name === null)
    throw new NotUnderstood('a name of an unknown form')
  return { schema: parts.at(-2) ?? null, name }
}
