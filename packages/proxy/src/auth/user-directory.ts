import type { Credentials } from './scram-client.js'
import { makeVerifier, readVerifier, type ScramVerifier } from './scram-verifier.js'

/** What is known of a user who logs in. */
export interface KnownUser {
  readonly verifier: ScramVerifier
  /** For logging in to servers; null: with the keys that the login itself proves. */
  readonly credentials: Credentials | null
}

/** How long an answer of the server is believed. */
const FRESH_MS = 5000

/** Looks up the verifier of a user, in `pg_authid` or among users whose passwords were given. */
export class UserDirectory {
  readonly #given: ReadonlyMap<string, string>
  readonly #ask: (user: string) => Promise<string | null>
  readonly #known = new Map<string, { user: KnownUser | null; atMs: number }>()
  /** Whether the server lets us look into `pg_authid`. */
  #mayAsk = true

  /** `given`: passwords by user. `ask`: `rolpassword` of a user who may log in; null when there is none. */
  constructor(given: ReadonlyMap<string, string>, ask: (user: string) => Promise<string | null>) {
    this.#given = given
    this.#ask = ask
  }

  /** Null when nobody of this name may log in. Rejects when no server can be asked. */
  async find(name: string): Promise<KnownUser | null> {
    const known = this.#known.get(name)
    if (known !== undefined && performance.now() - known.atMs < FRESH_MS) return known.user
    const user = (await this.#lookUp(name)) ?? this.#fromPassword(name)
    if (this.#known.size > 1000) this.#known.clear()
    this.#known.set(name, { user, atMs: performance.now() })
    return user
  }

  /** What is known may have been changed. */
  forget(name: string): void {
    this.#known.delete(name)
  }

  async #lookUp(name: string): Promise<KnownUser | null> {
    if (!this.#mayAsk) return null
    try {
      const stored = await this.#ask(name)
      const verifier = stored === null ? null : readVerifier(stored)
      return verifier === null ? null : { verifier, credentials: null }
    } catch (error) {
      if ((error as { code?: string }).code !== '42501') throw error
      this.#mayAsk = false
      return null
    }
  }

  #fromPassword(name: string): KnownUser | null {
    const password = this.#given.get(name)
    return password === undefined ? null : { verifier: makeVerifier(password), credentials: { password } }
  }
}
