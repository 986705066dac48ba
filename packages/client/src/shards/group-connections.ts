import { setTimeout as sleep } from 'node:timers/promises'
import { HerdError } from '@pgherd/core'
import type pg from 'pg'
import type { GroupPool } from '../group-pool.js'
import type { OwnedClient } from '../owned-client.js'
import type { Policy } from '../pool-options.js'
import { sqlStateOf } from '../server-error.js'
import type { Session } from '../session.js'

/** How often it is tried again to end what is prepared. */
export const PREPARED_POLL_MS = 50
const UNDEFINED_OBJECT = '42704'
const INSUFFICIENT_PRIVILEGE = '42501'

/** Gives connections to the primaries of a herd's groups, each to one caller. */
export class GroupConnections {
  readonly #groups: ReadonlyMap<string, GroupPool>
  readonly #failoverWaitMs: number

  constructor(groups: ReadonlyMap<string, GroupPool>, failoverWaitMs: number) {
    this.#groups = groups
    this.#failoverWaitMs = failoverWaitMs
  }

  connect(name: string, session: Session, policy: Policy | null): Promise<OwnedClient & pg.PoolClient> {
    const group = this.#groups.get(name) as GroupPool
    return group.checkout({ ...TO_WRITE, session: session.inGroup(name), policy })
  }

  /** Who holds connections while they wait for another one may be waiting for each other. */
  async connectInTime(
    name: string,
    session: Session,
    policy: Policy | null,
  ): Promise<OwnedClient & pg.PoolClient> {
    const waitMs = policy?.failoverWaitMs ?? this.#failoverWaitMs
    const group = this.#groups.get(name) as GroupPool
    try {
      return await group.checkout({ ...TO_WRITE, session: session.inGroup(name), policy, waitMs })
    } catch (error) {
      if ((error as Error).name !== 'TimeoutError') throw error
      throw new HerdError(
        'QUEUE_FULL',
        `A transaction with connections of other groups has waited ${waitMs} ms in vain for one of ${name}.`,
        { hint: 'Raise `max`, or go to the groups in the same order everywhere.' },
      )
    }
  }

  /**
   * Ends a prepared transaction of that session. Tries until it has an answer: a server that is not up yet, or is no
   * primary any more, is none.
   */
  async endPrepared(name: string, statement: string, session: Session): Promise<void> {
    const group = this.#groups.get(name) as GroupPool
    const deadlineMs = group.deadlineMs(null)
    for (;;) {
      try {
        await group.borrow((client) => client.query(statement), 'primary')
        break
      } catch (error) {
        const state = sqlStateOf(error as Error)
        // Somebody else has ended it the same way.
        if (state === UNDEFINED_OBJECT) break
        if (state === INSUFFICIENT_PRIVILEGE || performance.now() > deadlineMs) throw error
      }
      await sleep(PREPARED_POLL_MS)
    }
    // I4: what was stamped at PREPARE does not show it yet.
    group.finder.stamper.wrote(session.inGroup(name), true)
  }
}

const TO_WRITE = { consistency: 'primary', signal: null } as const
