import { createPool, type Pool } from '@pgherd/client'
import type { InternalOptions } from '@pgherd/client/internal'
import type { Herd } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import type { SqlAnswer, SqlRequestSchema } from '@pgherd/core/api'
import type { Consistency } from '@pgherd/core/routing'
import type pg from 'pg'
import type { z } from 'zod'
import { Refusal, SqlFailed } from '../problem.js'
import { PlanRecorder } from './plan-recorder.js'
import { TypeNames } from './type-names.js'

type Request = z.output<typeof SqlRequestSchema>
type Rows = (string | null)[][]

const TIMEOUT_MS = 30_000
/** What PostgreSQL says of a text of several statements, in words that only who knows the protocol understands. */
const SEVERAL = /^cannot insert multiple commands/
/** Command tags, by their first word. */
const TRANSACTIONS = new Set(['BEGIN', 'START', 'COMMIT', 'ROLLBACK'])
/** What a `bounded` read may be behind. */
const BOUNDED_MS = 1000
/** Cells of one answer together; what a browser can still show. */
const MOST_ANSWER_CHARACTERS = 16 * 1024 * 1024
const CONNECTIONS = 4
/** As PostgreSQL sends them. */
const AS_TEXT = { getTypeParser: () => (value: string) => value } as pg.CustomTypesConfig

/** Runs statements of people through the herd's own router, as the application's role. */
export class SqlDesk {
  readonly #herd: Herd
  readonly #types = new TypeNames()
  #pool: Pool | null = null

  constructor(herd: Herd) {
    this.#herd = herd
  }

  /** Throws SQL_FAILED with what PostgreSQL says, and what the pool refuses with. */
  async run(request: Request, signal: AbortSignal): Promise<SqlAnswer> {
    const pool = this.#open()
    const plan = new PlanRecorder(
      await this.#herd.status({ fresh: false }),
      this.#herd.placement()?.map.shards ?? [],
    )
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
    const config = {
      text: request.text,
      values: request.values,
      rowMode: 'array' as const,
      types: AS_TEXT,
      consistency: consistencyOf(request.consistency),
      firstRows: request.maxRows + 1,
      signal: limit,
    }
    const startedAtMs = performance.now()
    const traced = { ...config, trace: plan } satisfies InternalOptions
    const answer = await pool.query<(string | null)[]>(traced as pg.QueryArrayConfig).catch(failedBy(limit))
    const elapsedMs = performance.now() - startedAtMs
    const last = (Array.isArray(answer) ? answer.at(-1) : answer) as pg.QueryArrayResult<Rows[number]>
    refuseTransactions(last.command ?? '')
    const explain = request.explain ? await this.#explain(pool, config) : null
    const isTruncated = last.rows.length > request.maxRows
    return {
      command: last.command ?? '',
      rowCount: isTruncated ? null : last.rowCount,
      columns: await this.#types.describe(pool, last.fields),
      rows: refuseHuge(last.rows.slice(0, request.maxRows)),
      isTruncated,
      notices: plan.notices,
      plan: plan.read(),
      explain,
      elapsedMs,
    }
  }

  async close(): Promise<void> {
    await this.#pool?.end().catch(() => {})
  }

  /** The first group leads to the others; the supervisor says when nodes come or go. */
  #open(): Pool {
    const [group = ''] = this.#herd.groupNames
    this.#pool ??= createPool({
      nodes: this.#herd.nodesOf(group).map((node) => this.#herd.dsn(node)),
      application_name: 'pgherd api',
      supervisor: this.#herd.paths.socket,
      max: CONNECTIONS,
    }).on('error', () => {})
    return this.#pool
  }

  /** Null where there is no plan to show. */
  async #explain(pool: Pool, { text, ...config }: pg.QueryArrayConfig): Promise<string | null> {
    const answer = await pool.query<string[]>({ ...config, text: `explain ${text}` }).catch((): null => null)
    return answer === null ? null : answer.rows.map(([line]) => line).join('\n')
  }
}

function consistencyOf(said: Request['consistency']): Consistency {
  return said === 'bounded' ? { bounded: { maxStalenessMs: BOUNDED_MS } } : said
}

/** Turns an error of PostgreSQL's into one of the catalogue. */
function failedBy(limit: AbortSignal): (error: unknown) => never {
  return (error) => {
    if (limit.aborted)
      throw new HerdError(
        'OPERATION_FAILED',
        `The statement took longer than ${TIMEOUT_MS / 1000} s and was cancelled.`,
        {
          hint: 'Ask for less, or run it with psql, which waits.',
          cause: error,
        },
      )
    if (error instanceof HerdError || !(error instanceof Error)) throw error
    const { code = null, detail, position } = error as pg.DatabaseError
    const hint = SEVERAL.test(error.message)
      ? 'Run them one after the other.'
      : (error as pg.DatabaseError).hint
    throw new SqlFailed(detail ? `${error.message} (${detail})` : error.message, {
      ...(hint ? { hint } : {}),
      cause: error,
      sqlState: code !== null && /^[0-9A-Z]{5}$/.test(code) ? code : null,
      position: position === undefined ? null : Number(position),
    })
  }
}

/**
 * Throws NOT_SUPPORTED. The pool has ended what was begun; whoever believed in a transaction would have each
 * statement after it committed at once.
 */
function refuseTransactions(command: string): void {
  if (!TRANSACTIONS.has(command)) return
  throw new Refusal(
    422,
    'NOT_SUPPORTED',
    `Here each statement is a transaction of its own: ${command} does nothing.`,
    {
      hint: 'Put what belongs together into one statement (WITH …, or a DO block), or use psql.',
    },
  )
}

/** Throws OPERATION_FAILED: nobody could show it. */
function refuseHuge(rows: Rows): Rows {
  let characters = 0
  for (const row of rows) for (const cell of row) characters += cell?.length ?? 0
  if (characters <= MOST_ANSWER_CHARACTERS) return rows
  throw new HerdError('OPERATION_FAILED', `The rows have ${characters} characters, too many to be shown.`, {
    hint: 'Ask for fewer rows (maxRows), fewer columns, or parts of them: left(column, 100).',
  })
}
