import type { AnswerColumn } from './merge-statement.js'
import type { Row } from './row-merge.js'
import type { RowGathering } from './scatter-read.js'
import { compareValuesAs, type RowText } from './value-order.js'

export type RowCompare = (one: Row, other: Row) => number

/**
 * The order of a read's rows, given the columns of the answers; null where it is not certain from the text of the
 * values. `'any'`: the read asks for none.
 */
export function rowOrder(
  { order, hidden }: RowGathering,
  columns: readonly AnswerColumn[],
  text: RowText,
): RowCompare | 'any' | null {
  const compares: RowCompare[] = []
  for (const { column, descending, nullsFirst } of order) {
    const at = placeOf(column, columns, hidden)
    const values = at === null ? null : compareValuesAs(columns[at]?.typeId ?? 0, text)
    if (at === null || values === null) return null
    const nullFirst = nullsFirst ? -1 : 1
    compares.push((one, other) => {
      const [a, b] = [one[at] as string | null, other[at] as string | null]
      if (a === null || b === null) return a === b ? 0 : a === null ? nullFirst : -nullFirst
      return descending ? values(b, a) : values(a, b)
    })
  }
  const [first] = compares
  if (first === undefined) return 'any'
  if (compares.length === 1) return first
  return (one, other) => {
    for (const compare of compares) {
      const order = compare(one, other)
      if (order !== 0) return order
    }
    return 0
  }
}

/** A name must be that of one column; hidden ones have names of their own. */
function placeOf(column: number | string, columns: readonly AnswerColumn[], hidden: number): number | null {
  if (typeof column === 'number') return column < columns.length - hidden ? column : null
  const at = columns.findIndex(({ name }) => name === column)
  return at >= 0 && columns.findLastIndex(({ name }) => name === column) === at ? at : null
}
