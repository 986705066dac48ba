import {
  type CountedRows,
  countRows,
  EACH,
  type GroupGathering,
  MOST_GROUPS,
  mergeStatement,
  type RowGathering,
  RowMerge,
  rowOrder,
  type ScatterRead,
  type StatementFacts,
} from '@pgherd/core/sql'
import type pg from 'pg'
import type { Call } from '../group-pool.js'
import { encodeValue } from '../pg-internals.js'
import type { Answer } from '../statement.js'
import { AS_TEXT, joined, sayShard } from './herd-answers.js'
import type { Route } from './herd-route.js'
import { columnsOf, RowMaker, type TextRow } from './row-maker.js'

export type ScatterRoute = Extract<Route, { kind: 'scatter' }>

/** A statement for one group. */
interface Asked {
  readonly text: string
  readonly values: readonly unknown[]
  readonly config: Call['config']
}

/** Who answers parts of a read. */
export interface ScatterGroups {
  ask(group: string, asked: Asked): Promise<pg.QueryResult>
  /** Whichever shard. */
  askAny(asked: Asked): Promise<pg.QueryResult>
  /** The whole read, where it cannot be put together; `why` not. */
  federate(why: string): Promise<Answer>
}

/** Why a read is not put together here after all. */
export const NOT_COUNTED = 'its LIMIT or OFFSET is no number of rows'
export const STRANGE_TYPES = 'its columns have types that are not put together here'

/** Runs reads that each shard is asked by itself, and puts the answers together. */
export class ScatterRuns {
  readonly #pool: pg.PoolConfig
  /** Of whose columns' types nothing can be put together: known only by the answers. */
  readonly #hopeless = new WeakSet<StatementFacts>()

  constructor(pool: pg.PoolConfig) {
    this.#pool = pool
  }

  async run(
    route: ScatterRoute,
    facts: StatementFacts,
    { values, config }: Omit<Asked, 'text'>,
    groups: ScatterGroups,
  ): Promise<Answer> {
    const { read } = route
    const counted = countRows(read.gather, (parameter) => textOf(values[parameter - 1]))
    // Of a parameter too many no shard would say so.
    const isCounted = counted !== null && values.length === facts.maxParameter
    if (!isCounted)
      return groups.federate(counted === null ? NOT_COUNTED : 'it is given too many values or too few')
    if (this.#hopeless.has(facts)) return groups.federate(STRANGE_TYPES)
    const given = givenValues(read, counted, values)
    if (isPlain(read.gather)) return joined(await this.#askAll(route, given, config, config, groups))
    const { signal, consistency, trace } = config
    // The first rows of all are among the first of each, unless some are to be left out before them.
    const isOfFirst = read.gather.kind === 'rows' && read.gather.offset === null
    const firstRows = isOfFirst ? config.firstRows : undefined
    // What is asked for in binary is not ours to read.
    if (config.binary === true || (this.#pool as { binary?: boolean }).binary === true)
      return groups.federate('it is to be answered in binary')
    const asText = { signal, consistency, trace, firstRows, ...AS_TEXT } as unknown as Call['config']
    const answers = await this.#askAll(route, given, config, asText, groups)
    const { gather } = read
    const answer =
      gather.kind === 'rows'
        ? this.#mergeRows(route, gather, counted, answers, config)
        : await this.#mergeGroups(gather, counted, answers, { values, config }, groups)
    if (answer !== null) return answer
    if (isTooMuch(read, answers)) return groups.federate(`a shard has more than ${MOST_GROUPS} groups`)
    this.#hopeless.add(facts)
    return groups.federate(STRANGE_TYPES)
  }

  /** When one has failed, the others need not go on. */
  async #askAll(
    { groups, read }: ScatterRoute,
    values: readonly unknown[],
    { signal }: Call['config'],
    config: Call['config'],
    { ask }: ScatterGroups,
  ): Promise<pg.QueryResult[]> {
    const rest = new AbortController()
    const how = { ...config, signal: signal ? AbortSignal.any([signal, rest.signal]) : rest.signal }
    try {
      return await Promise.all(
        groups.map((group) =>
          ask(group, { text: read.partial.text, values, config: how }).catch(sayShard(group)),
        ),
      )
    } catch (error) {
      rest.abort()
      throw error
    }
  }

  #mergeRows(
    { rowText }: ScatterRoute,
    gather: RowGathering,
    { limit, offset }: CountedRows,
    answers: pg.QueryResult[],
    { rowMode, types }: Call['config'],
  ): Answer | null {
    const [first] = answers as [pg.QueryResult]
    const order = rowOrder(gather, columnsOf(first.fields), rowText)
    if (order === null) return null
    const merge = new RowMerge<TextRow>(answers.length, order === 'any' ? null : order, limit, offset)
    for (const [at, { rows }] of answers.entries()) {
      merge.give(at, rows as unknown as TextRow[])
      merge.end(at)
    }
    const maker = new RowMaker(first.fields, gather.hidden, rowMode, types ?? this.#pool.types)
    const rows = merge.take(Number.POSITIVE_INFINITY).map((row) => maker.make(row))
    return Object.assign(first, { fields: maker.fields, rows, rowCount: rows.length })
  }

  async #mergeGroups(
    gather: GroupGathering,
    counted: CountedRows,
    answers: pg.QueryResult[],
    { values, config: { rowMode, types, signal, firstRows } }: Omit<Asked, 'text'>,
    { askAny }: ScatterGroups,
  ): Promise<Answer | null> {
    const columns = columnsOf((answers[0] as pg.QueryResult).fields)
    if (answers.some(({ rows }) => rows.length > MOST_GROUPS)) return null
    const merge = mergeStatement(gather, counted, columns)
    if (merge === null) return null
    const rows = answers.flatMap((answer) => answer.rows as unknown as TextRow[])
    const arrays = columns.map((_, at) => rows.map((row) => row[at]))
    return askAny({
      text: merge.text,
      values: [...arrays, ...merge.parameters.map((parameter) => values[parameter - 1])],
      config: { rowMode, types, signal, firstRows } as Call['config'],
    })
  }
}

/** All rows of all, as they come. */
function isPlain(gather: ScatterRead['gather']): boolean {
  return (
    gather.kind === 'rows' && gather.order.length === 0 && gather.limit === null && gather.offset === null
  )
}

function isTooMuch({ gather }: ScatterRead, answers: readonly pg.QueryResult[]): boolean {
  return gather.kind === 'groups' && answers.some(({ rows }) => rows.length > MOST_GROUPS)
}

/** What each shard is given of a call's values. */
export function givenValues(
  { partial }: ScatterRead,
  { each }: CountedRows,
  values: readonly unknown[],
): unknown[] {
  return partial.parameters.map((parameter) => (parameter === EACH ? each : values[parameter - 1]))
}

/** As it is sent; what cannot be is no number either. */
export function textOf(value: unknown): string | null {
  try {
    const sent = encodeValue(value ?? null)
    return sent === null ? null : String(sent)
  } catch {
    return 'none'
  }
}
