import type { Credentials } from './scram-client.js'
import { makeVerifier, readVerifier, type ScramVerifier } from './scram-verifier.js'

/** What is known of a user who logs in. */
export interface KnownUser {
  readonly verifier: ScramVerifier
  /** For logging in to servers; null: with the keys that the login itself proves. */
  readonly credentials: Credentials | null
}

/** How long what the server said is believed, and how long when a login has failed by it. */
const FRESH_MS = 5000
const DOUBTED_MS = 250

/**
 * The verifiers of all users, from `pg_authid` or of passwords that were given. All are read at once and
 * kept together: asked for one by one, the time an answer takes would tell which names there are, and
 * every wrong password would cost a connection to a server.
 */
export class UserDirectory {
  readonly #given: ReadonlyMap<string, KnownUser>
  readonly #read: () => Promise<ReadonlyMap<string, string>>
  /** Null: no server has been asked yet. */
  #stored: ReadonlyMap<string, string> | null = null
  #failure: Error | null = null
  #reading: Promise<void> | null = null
  #readAtMs = Number.NEGATIVE_INFINITY
  #doubted = false

  /** `given`: passwords by user. `read`: `rolpassword` by name of those who may log in. */
  constructor(given: ReadonlyMap<string, string>, read: () => Promise<ReadonlyMap<string, string>>) {
    this.#given = new Map(
      [...given].map(([name, password]) => [
        name,
        { verifier: makeVerifier(password), credentials: { password } },
      ]),
    )
    this.#read = read
  }

  /** Null when nobody of this name may log in. Rejects when no server can be asked and nothing is known. */
  async find(name: string): Promise<KnownUser | null> {
    const ageMs = performance.now() - this.#readAtMs
    if (ageMs > (this.#doubted ? DOUBTED_MS : FRESH_MS)) await this.#readAgain()
    const stored = this.#stored?.get(name)
    const verifier = stored === undefined ? null : readVerifier(stored)
    if (verifier !== null) return { verifier, credentials: null }
    const given = this.#given.get(name) ?? null
    if (given === null && this.#stored === null) throw this.#failure
    return given
  }

  /** A login has failed: what is known may have been changed. */
  doubt(): void {
    this.#doubted = true
  }

  #readAgain(): Promise<void> {
    this.#reading ??= this.#readNow().finally(() => {
      this.#reading = null
    })
    return this.#reading
  }

  async #readNow(): Promise<void> {
    try {
      this.#stored = await this.#read()
    } catch (error) {
      // Who may not look into pg_authid knows the passwords that were given. While no server answers, what
      // was known goes on: servers look for themselves who logs in to them.
      if ((error as { code?: string }).code === '42501') this.#stored = new Map()
      else this.#failure = error as Error
    }
    this.#doubted = false
    this.#readAtMs = performance.now()
  }
}
