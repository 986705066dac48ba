import { setTimeout as sleep } from 'node:timers/promises'
import type { Call, GroupPool } from '../group-pool.js'
import { poolClosed } from '../pool-node.js'
import { sqlStateOf } from '../server-error.js'
import type { Session } from '../session.js'
import type { Answer } from '../statement.js'

/** How often a read is tried again that lost its session, and what says so: there, or on a shard. */
const AGAIN_MS = 50
const SESSION_ENDED = /^(57P01|08001|08003|08006)$/
/** How long a change of the schema waits for the federation to follow. */
const FOLLOWING_MS = 5000
const FOLLOWING_POLL_MS = 10

/** Connections to the database that puts together what several groups have, opened when it is first asked. */
export class FederationPool {
  readonly #open: () => Promise<GroupPool>
  #opening: Promise<GroupPool> | null = null
  #group: GroupPool | null = null
  #closed = false

  constructor(open: () => Promise<GroupPool>) {
    this.#open = open
  }

  /** Null until it has been asked. */
  get opened(): GroupPool | null {
    return this.#group
  }

  group(): Promise<GroupPool> {
    if (this.#group !== null) return Promise.resolve(this.#group)
    this.#opening ??= this.#begin().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async #begin(): Promise<GroupPool> {
    const group = await this.#open()
    try {
      await group.start()
      await group.knowledge.loader.load()
      if (this.#closed) throw poolClosed()
    } catch (error) {
      await group.close()
      throw error
    }
    this.#group = group
    return group
  }

  /**
   * Runs a read on the primary, which knows the schema of now. Again where a session was ended or refused, there or
   * on a shard: a map that changes does that, and so does a failover.
   */
  async run(call: Call, session: Session, deadlineMs: number): Promise<void> {
    for (;;) {
      try {
        call.resolve(await this.#read(await this.group(), call, session))
        return
      } catch (error) {
        const isOver = performance.now() > deadlineMs || call.config.signal?.aborted === true
        if (isOver || this.#closed || !SESSION_ENDED.test(sqlStateOf(error as Error) ?? '')) throw error
      }
      await sleep(AGAIN_MS)
    }
  }

  #read(group: GroupPool, call: Call, session: Session): Promise<Answer> {
    const record = group.knowledge.book.look(call.text)
    return new Promise((resolve, reject) => {
      group.run(record, {
        ...call,
        config: { ...call.config, consistency: 'primary' },
        session: session.inGroup(group.name),
        resolve,
        reject,
      })
    })
  }

  /** Nothing is opened any more, nor read again that has lost its session. */
  stopTrying(): void {
    this.#closed = true
  }
}

/** Tells whoever keeps the federation, and gives it a while to follow: without a supervisor nobody does. */
export async function awaitFederation(home: GroupPool): Promise<void> {
  await home.borrow(async (client) => {
    const { rows } = await client.query<{ noted: string }>('select pgherd.note_schema_change() as noted')
    const deadlineMs = performance.now() + FOLLOWING_MS
    for (;;) {
      const { rowCount } = await client.query('select from pgherd.schema_change where done >= $1', [
        rows[0]?.noted,
      ])
      if (rowCount === 1 || performance.now() > deadlineMs) return
      await sleep(FOLLOWING_POLL_MS)
    }
  }, 'primary')
}
