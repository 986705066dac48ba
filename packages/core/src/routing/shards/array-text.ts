/**
 * The elements of a one-dimensional array in PostgreSQL's text format, as text, null for NULL; null for
 * what is anything else. (`ReadArrayStr`, src/backend/utils/adt/arrayfuncs.c.)
 */
export function readArrayText(text: string): (string | null)[] | null {
  const trimmed = text.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, '')
  if (!trimmed.startsWith('{') || !trimmed.endsWith('}')) return null
  const inside = trimmed.slice(1, -1)
  if (/^[ \t\n\v\f\r]*$/.test(inside)) return []
  const elements: (string | null)[] = []
  let end = 0
  for (;;) {
    ELEMENT.lastIndex = end
    const found = ELEMENT.exec(inside)
    if (found === null) return null
    const [whole, quoted, plain] = found
    elements.push(quoted === undefined ? plainElement(plain as string) : quoted.replace(/\\(.)/gs, '$1'))
    end += whole.length
    if (end === inside.length) return elements
    if (inside[end] !== ',') return null
    end++
  }
}

/** Backslashes outside of quotes are left to who can be asked; nobody writes them. */
const ELEMENT =
  /[ \t\n\v\f\r]*(?:"((?:[^"\\]|\\.)*)"|([^\s"{},\\]+(?:[ \t\n\v\f\r]+[^\s"{},\\]+)*))[ \t\n\v\f\r]*/sy

function plainElement(text: string): string | null {
  return text.toUpperCase() === 'NULL' ? null : text
}
