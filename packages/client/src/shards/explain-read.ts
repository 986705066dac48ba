import {
  type AnswerColumn,
  type CountedRows,
  countRows,
  type ExplainStatement,
  type Gathered,
  mergeStatement,
  rowOrder,
} from '@pgherd/core/sql'
import type pg from 'pg'
import { AS_TEXT, sayShard } from './herd-answers.js'
import type { Route } from './herd-route.js'
import { columnsOf, RowMaker, type TextRow } from './row-maker.js'
import { givenValues, NOT_COUNTED, type ScatterRoute, STRANGE_TYPES, textOf } from './scatter-runs.js'

/** EXPLAIN of a read that no shard has all of. */
export interface ExplainedRead {
  readonly explain: ExplainStatement
  readonly of: Extract<Route, { kind: 'scatter' | 'federation' }>
}

/** Whose plan it is: a group's, or that of the federation, and why that is needed. */
type Planner = { readonly group: string } | { readonly federated: string }

/** Who says plans, as text. */
export type AskForPlan = (planner: Planner, config: pg.QueryConfig) => Promise<pg.QueryResult>

/** What would be asked of whom, with their plans, and how the answers would become one. */
export async function explainRead(
  { explain, of }: ExplainedRead,
  whole: string,
  values: readonly unknown[],
  { rowMode, types }: Pick<pg.QueryConfig, 'types'> & { readonly rowMode?: 'array' | undefined },
  ask: AskForPlan,
): Promise<pg.QueryResult> {
  const plan = async (planner: Planner, text: string, given: readonly unknown[]): Promise<pg.QueryResult> =>
    ask(planner, { ...AS_TEXT, text, values: [...given] } as unknown as pg.QueryConfig)
  const tell = (first: pg.QueryResult, lines: readonly string[]): pg.QueryResult => {
    const maker = new RowMaker(first.fields, 0, rowMode, types)
    return Object.assign(first, { rows: lines.map((line) => maker.make([line])), rowCount: lines.length })
  }
  const tellFederated = async (why: string): Promise<pg.QueryResult> => {
    const answer = await plan({ federated: why }, whole, values)
    return tell(answer, [`Federation, since ${why}`, ...linesOf(answer).map((line) => `  ${line}`)])
  }
  if (of.kind === 'federation') return tellFederated(of.why)
  const { groups, read } = of
  const counted = countRows(read.gather, (parameter) => textOf(values[parameter - 1]))
  if (counted === null) return tellFederated(NOT_COUNTED)
  const given = givenValues(read, counted, values)
  const [any] = groups as [string]
  const described = await plan({ group: any }, `select * from (${read.partial.text}) as p limit 0`, given)
  const merge = sayMerge(of, counted, columnsOf(described.fields))
  if (merge === null) return tellFederated(STRANGE_TYPES)
  const answers = await Promise.all(
    groups.map((group) => plan({ group }, explain.prefix + read.partial.text, given).catch(sayShard(group))),
  )
  const lines = answers.flatMap((answer, at) => [
    `  ->  ${groups[at]}`,
    ...linesOf(answer).map((line) => `        ${line}`),
  ])
  const head = [
    `Shards ${groups.join(', ')}, put together here: ${merge}`,
    `  Each is asked: ${read.partial.text}`,
  ]
  return tell(answers[0] as pg.QueryResult, [...head, ...lines])
}

function linesOf({ rows }: pg.QueryResult): string[] {
  return (rows as unknown as TextRow[]).map(([line]) => line ?? '')
}

/** Null: it is not known to come out right. */
function sayMerge(
  { read: { gather }, rowText }: ScatterRoute,
  counted: CountedRows,
  columns: readonly AnswerColumn[],
): string | null {
  const limit = counted.limit === null ? '' : `, the first ${counted.limit}`
  const count = `${limit}${counted.offset === 0 ? '' : ` behind ${counted.offset}`}`
  if (gather.kind === 'rows') {
    const order = rowOrder(gather, columns, rowText)
    if (order === null) return null
    return order === 'any' ? `rows as they come${count}` : `rows merged in order${count}`
  }
  if (mergeStatement(gather, counted, columns) === null) return null
  const values = gather.shown.map(({ value }) => sayGathered(value, columns))
  const keys = gather.keys.length === 0 ? '' : ` by ${gather.keys.map((at) => columns[at]?.name).join(', ')}`
  const rest = `${gather.having === null ? '' : ', filtered'}${gather.order.length === 0 ? '' : ', sorted'}`
  return `${values.join(', ')}${keys}${rest}${count}, by one of them`
}

function sayGathered(value: Gathered, columns: readonly AnswerColumn[]): string {
  if (value.how === 'avg') return 'sum over count'
  if (value.how === 'variance')
    return `${value.isRoot ? 'standard deviation' : 'variance'} by sums of squares`
  const name = columns[value.at]?.name ?? ''
  if (value.how === 'key') return name
  return value.how === 'distinct' ? `${value.call} of distinct ${name}` : `${value.how} of ${name}`
}
