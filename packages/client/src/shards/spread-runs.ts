import { setTimeout as sleep } from 'node:timers/promises'
import { HerdError } from '@pgherd/core'
import type pg from 'pg'
import type { Call } from '../group-pool.js'
import type { OwnedClient } from '../owned-client.js'
import type { Policy } from '../pool-options.js'
import type { Session } from '../session.js'
import type { Answer } from '../statement.js'
import type { StatementRecord } from '../statement-book.js'
import { type NoticeListener, noticeListener } from '../statement-trace.js'
import { openingOf, runTransaction, type TransactionFailure } from '../transaction.js'
import { PREPARED_POLL_MS } from './group-connections.js'
import type { HerdClient } from './herd-client.js'
import type { ClientQuery, SpreadRoute } from './herd-route.js'

/** What runs over several groups asks of who has them. */
export interface SpreadHost {
  client(session: Session, policy: Policy | null): HerdClient
  connect(group: string, session: Session, policy: Policy | null): Promise<OwnedClient & pg.PoolClient>
  /** I4: whoever looks whether it took effect must see it if it did. */
  noteUnknown(session: Session): void
  /** The schema is another one now. */
  schemaChanged(): Promise<void>
}

/** Runs statements that change several groups, each as a transaction of its own. */
export class SpreadRuns {
  readonly #host: SpreadHost
  readonly #failoverWaitMs: number

  constructor(host: SpreadHost, failoverWaitMs: number) {
    this.#host = host
    this.#failoverWaitMs = failoverWaitMs
  }

  /** In a transaction over all its groups. */
  async run(
    route: SpreadRoute,
    record: StatementRecord,
    { text, values, config, policy, startedAtMs }: Call,
    session: Session,
  ): Promise<Answer> {
    const query: ClientQuery = { text, values, config: { ...config, text, values } }
    const noticed = noticeListener(config.trace)
    if (route.kind === 'each' && route.apart)
      return this.#runApart(route.groups, query, policy, session, noticed)
    const opening = openingOf({}, policy?.synchronousCommit ?? null)
    const deadlineMs = startedAtMs + (policy?.failoverWaitMs ?? this.#failoverWaitMs)
    for (;;) {
      config.signal?.throwIfAborted()
      const client = this.#host.client(session, policy)
      if (noticed !== undefined) client.on('notice', noticed)
      const run = (): Promise<Answer> => {
        client.open()
        return client.runSpread(route, record, query)
      }
      let broken: Error | undefined
      try {
        return await runTransaction(client, run, opening, config.signal ?? null)
      } catch (failure) {
        const { error } = failure as TransactionFailure
        if (client.refusal !== null) broken = client.refusal
        if (error instanceof HerdError && error.code === 'OUTCOME_UNKNOWN') this.#host.noteUnknown(session)
        const isLost = error instanceof HerdError && error.code === 'TRANSACTION_LOST'
        if (!isLost || performance.now() > deadlineMs) throw error
      } finally {
        client.release(broken)
      }
      await sleep(PREPARED_POLL_MS)
    }
  }

  /** On each by itself; what failed where is told when all have answered. */
  async #runApart(
    groups: readonly string[],
    query: ClientQuery,
    policy: Policy | null,
    session: Session,
    noticed: NoticeListener | undefined,
  ): Promise<Answer> {
    const answers = await Promise.allSettled(
      groups.map(async (group) => {
        const client = await this.#host.connect(group, session, policy)
        if (noticed !== undefined) client.on('notice', noticed)
        try {
          return await client.query(query.config as pg.QueryConfig)
        } finally {
          if (noticed !== undefined) client.removeListener('notice', noticed)
          client.release()
        }
      }),
    )
    await this.#host.schemaChanged()
    const failed = answers.flatMap((answer, at) =>
      answer.status === 'rejected' ? [{ group: groups[at], error: answer.reason as Error }] : [],
    )
    const [first] = failed
    if (first === undefined) return (answers[0] as PromiseFulfilledResult<Answer>).value
    throw Object.assign(first.error, {
      message: `${first.error.message} (${failed.map(({ group }) => group).join(', ')} of ${groups.join(', ')}; the others have it done)`,
    })
  }
}
