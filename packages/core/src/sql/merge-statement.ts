import type { Gathered, Variance } from './scatter-draft.js'
import type { CountedRows } from './scatter-order.js'
import type { GroupGathering } from './scatter-read.js'
import type { StatementPart } from './statement-text.js'

/** A column of the answers that are to be merged. */
export interface AnswerColumn {
  readonly name: string
  /** The number of its type. */
  readonly typeId: number
}

/** Types whose values come through text as they are, whatever is set. */
const PLAIN_TYPES: ReadonlyMap<number, string> = new Map([
  [16, 'bool'],
  [20, 'int8'],
  [21, 'int2'],
  [23, 'int4'],
  [25, 'text'],
  [1043, 'varchar'],
  [1082, 'date'],
  [1083, 'time'],
  [1114, 'timestamp'],
  [1184, 'timestamptz'],
  [1700, 'numeric'],
  [2950, 'uuid'],
])

/**
 * The statement that makes one answer of several, given each column of all of them as an array of text, and behind
 * those the values of `parameters`. So PostgreSQL adds, compares and sorts, by its own rules. Null where it cannot be
 * said for these types.
 */
export function mergeStatement(
  { shown, keys, having, order }: GroupGathering,
  { limit, offset }: CountedRows,
  answers: readonly AnswerColumn[],
): StatementPart | null {
  const types = answers.map(({ typeId }) => PLAIN_TYPES.get(typeId) ?? null)
  const parameters: number[] = []
  const say = (value: Gathered): string => {
    const said = sayGathered(value, types)
    if (said === null) throw new NotExact()
    return said
  }
  const sayHaving = (piece: string | number | Gathered): string => {
    if (typeof piece === 'object') return say(piece)
    if (typeof piece === 'string') return piece
    if (!parameters.includes(piece)) parameters.push(piece)
    return `$${answers.length + parameters.indexOf(piece) + 1}`
  }
  try {
    if (types.includes(null)) return null
    const columns = shown.map(
      ({ value, name }, at) => `${say(value)} as ${quoted(name ?? answers[at]?.name ?? '')}`,
    )
    const arrays = types.map((type, at) => `$${at + 1}::${type}[]`)
    const sorts = order.map(
      ({ value, descending, nullsFirst }) =>
        `${say(value)}${descending ? ' desc' : ''} nulls ${nullsFirst ? 'first' : 'last'}`,
    )
    const text = [
      `select ${columns.join(', ')} from unnest(${arrays.join(', ')}) as p (${types.map((_, at) => `c${at}`).join(', ')})`,
      keys.length === 0 ? '' : ` group by ${keys.map((at) => `c${at}`).join(', ')}`,
      having === null ? '' : ` having${having.map(sayHaving).join('')}`,
      sorts.length === 0 ? '' : ` order by ${sorts.join(', ')}`,
      limit === null ? '' : ` limit ${limit}`,
      offset === 0 ? '' : ` offset ${offset}`,
    ].join('')
    return { text, parameters }
  } catch (error) {
    if (error instanceof NotExact) return null
    throw error
  }
}

class NotExact extends Error {}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * Sums of whole numbers are bigint, whose sums are numeric; of other types only numeric adds up in any order. An
 * average is the quotient of sum and count as numeric, as PostgreSQL computes those of whole numbers and of numeric
 * (`int8_avg`, `numeric_poly_avg` and `numeric_avg` in numeric.c).
 */
function sayGathered(value: Gathered, types: readonly (string | null)[]): string | null {
  switch (value.how) {
    case 'key':
      return `c${value.at}`
    case 'count':
      return `coalesce(sum(c${value.at}), 0)::int8`
    case 'sum':
      if (types[value.at] === 'int8') return `sum(c${value.at})::int8`
      return types[value.at] === 'numeric' ? `sum(c${value.at})` : null
    case 'avg': {
      const type = types[value.sumAt]
      if (type !== 'int8' && type !== 'numeric') return null
      return `(sum(c${value.sumAt}::numeric) / nullif(sum(c${value.countAt}), 0))`
    }
    case 'variance':
      return types[value.at] === 'numeric' ? sayVariance(value) : null
    case 'distinct':
      return `${value.call}(distinct c${value.at})`
    default:
      return `${value.how}(c${value.at})`
  }
}

/**
 * Digit for digit what PostgreSQL computes of whole numbers and of numeric (`numeric_stddev_internal` in numeric.c): the
 * quotient is rounded as numeric's division rounds, and so is its root, to as many digits. numeric's own square root
 * chooses other digits, so it is taken with so many that rounding it once more rounds right: a root of r decimals lies
 * halfway between two such numbers never, and at least 10^-(2r + 2) / (2 root) beside it. Of NaN and infinity it is NaN.
 */
function sayVariance({ countAt, sumAt, squaresAt, isSample, isRoot }: Variance): string {
  const count = `sum(c${countAt})`
  const numerator = `(${count} * sum(c${squaresAt}) - sum(c${sumAt}) * sum(c${sumAt}))`
  const quotient = `(${numerator} / nullif(${count} * ${isSample ? `(${count} - 1)` : count}, 0))`
  const digits = `2 * scale(${quotient}) + length(${quotient}::text) + 4`
  const value = isRoot ? `round(sqrt(round(${quotient}, ${digits})), scale(${quotient}))` : quotient
  return [
    `case when coalesce(${count}, 0) <= ${isSample ? 1 : 0} then null`,
    ` when ${numerator} = 'NaN' then 'NaN'`,
    ` when ${numerator} <= 0 then 0`,
    ` else ${value} end`,
  ].join('')
}
