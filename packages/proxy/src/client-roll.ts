import { randomInt, timingSafeEqual } from 'node:crypto'
import type { ClientFacts } from './proxy-facts.js'
import type { ClientSession } from './session/client-session.js'

/** What a client is told that is disconnected by order. */
export const GOODBYE = 'terminating connection due to administrator command'

/** Process ids that a proxy may give to its clients: those that leave `remainder` when divided by `of`. */
export interface ClientIds {
  readonly remainder: number
  readonly of: number
}

export const ALL_IDS: ClientIds = { remainder: 0, of: 1 }
const MAX_ID = 2 ** 31 - 1

/** The clients that are logged in, by the process id that each was given. */
export class ClientRoll {
  readonly #ids: ClientIds
  readonly #sessions = new Map<number, ClientSession>()

  constructor(ids: ClientIds) {
    this.#ids = ids
  }

  get size(): number {
    return this.#sessions.size
  }

  get facts(): ClientFacts[] {
    return [...this.#sessions.values()].map(describeClient)
  }

  /** Nobody can guess it: who knows the id of a client is half-way to cancelling what it does. */
  freeId(): number {
    const { remainder, of } = this.#ids
    for (;;) {
      const id = of * randomInt(1, Math.floor((MAX_ID - remainder) / of) + 1) + remainder
      if (!this.#sessions.has(id)) return id
    }
  }

  /** An id that only a client of this process can have. */
  owns(id: number): boolean {
    return id % this.#ids.of === this.#ids.remainder
  }

  add(session: ClientSession): void {
    this.#sessions.set(session.processId, session)
  }

  remove({ processId }: ClientSession): void {
    this.#sessions.delete(processId)
  }

  /** Something of this database (null: of any) is under way. */
  isBusy(database: string | null): boolean {
    for (const { state, tenant } of this.#sessions.values())
      if (
        state !== 'idle' &&
        state !== 'paused' &&
        (database ?? tenant.identity.database) === tenant.identity.database
      )
        return true
    return false
  }

  /** As a client asked over another connection, if the key is right. */
  cancel(id: number, secretKey: Buffer): void {
    const session = this.#sessions.get(id)
    if (session === undefined || session.secretKey.length !== secretKey.length) return
    if (timingSafeEqual(session.secretKey, secretKey)) session.cancel()
  }

  /** False when there is no such client. */
  kill(id: number): boolean {
    const session = this.#sessions.get(id)
    session?.terminate(GOODBYE)
    return session !== undefined
  }

  /** Ends those who have nothing under way and no transaction open, or all. */
  dismiss(who: 'idle' | 'all'): void {
    for (const session of [...this.#sessions.values()])
      if (who === 'all' || session.state === 'idle' || session.state === 'paused') session.terminate(GOODBYE)
  }
}

function describeClient(session: ClientSession): ClientFacts {
  const { processId, tenant, applicationName, state, hasOwnServer, batches, connectedAtMs, socket } = session
  const { remoteAddress = '', remotePort = 0 } = socket
  return {
    id: processId,
    user: tenant.identity.user,
    database: tenant.identity.database,
    applicationName,
    address: remoteAddress.includes(':')
      ? `[${remoteAddress}]:${remotePort}`
      : `${remoteAddress}:${remotePort}`,
    state,
    hasOwnServer,
    batches,
    connectedAtMs,
  }
}
