import { Refusal } from './session/handshake.js'

/** How many clients there may be at once; null: no limit of its own. */
export interface ClientLimits {
  readonly maxClients: number
  readonly maxPerUser: number | null
  readonly maxPerDatabase: number | null
}

/** Who says whether a client may come in: for one process, or for all workers. */
export interface Doorkeeper {
  /** Throws Refusal, or rejects with it. */
  enter(user: string, database: string): Promise<void> | void
  leave(user: string, database: string): void
}

/** Counts clients, those who are still logging in among them, and refuses whoever is too many. */
export class Admission implements Doorkeeper {
  limits: ClientLimits
  #clients = 0
  readonly #users = new Map<string, number>()
  readonly #databases = new Map<string, number>()

  constructor(limits: ClientLimits) {
    this.limits = limits
  }

  /** Throws Refusal, with PostgreSQL's words. */
  enter(user: string, database: string): void {
    const { maxClients, maxPerUser, maxPerDatabase } = this.limits
    if (this.#clients >= maxClients) throw tooMany('sorry, too many clients already')
    if (maxPerUser !== null && (this.#users.get(user) ?? 0) >= maxPerUser)
      throw tooMany(`too many connections for role "${user}"`)
    if (maxPerDatabase !== null && (this.#databases.get(database) ?? 0) >= maxPerDatabase)
      throw tooMany(`too many connections for database "${database}"`)
    this.#clients++
    change(this.#users, user, 1)
    change(this.#databases, database, 1)
  }

  leave(user: string, database: string): void {
    this.#clients--
    change(this.#users, user, -1)
    change(this.#databases, database, -1)
  }
}

function change(counts: Map<string, number>, key: string, by: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + by
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}

function tooMany(message: string): Refusal {
  return new Refusal({ severity: 'FATAL', code: '53300', message })
}
