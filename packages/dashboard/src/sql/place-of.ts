/** The line of a statement that an error points into, and a mark under the place. */
export function placeOf(text: string, position: number): { line: number; code: string; mark: string } {
  const at = [...text].slice(0, position - 1).join('').length
  const start = text.lastIndexOf('\n', at - 1) + 1
  const end = text.indexOf('\n', at)
  const code = text.slice(start, end === -1 ? undefined : end)
  const line = text.slice(0, start).split('\n').length
  return { line, code, mark: `${' '.repeat(at - start)}^` }
}
