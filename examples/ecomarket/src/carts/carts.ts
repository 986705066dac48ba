import { setTimeout as sleep } from 'node:timers/promises'
import type { PolicyPool, Pool } from '@pgherd/client'
import { judgeFailure } from '../judge-failure.js'
import { applyChanges, type Cart, type CartChange } from './cart.js'
import type { CartEntry, CartJournal } from './cart-journal.js'
import type { PromiseFile } from './promise-file.js'
import { readCart, type StoredCart } from './read-cart.js'
import { saveChange } from './save-change.js'

/** What the user sees: that it is saved, or the promise that it will be. */
export type Told = { kind: 'saved' } | { kind: 'promised'; text: string; kept: Promise<void> }

export interface SeenCart {
  cart: Cart
  /** Changes shown in it that are not saved yet. */
  promised: number
  fromStandby: boolean
  /** Changes of theirs saved a moment ago may be missing: no primary can say how far standbys must be. */
  mayBeBehind: boolean
}

interface WaitingChange {
  change: CartChange
  saved: Promise<void>
}

/** After so long the user gets a promise instead. */
const PATIENCE_MS = 100
const AGAIN_MS = 20
const PROMISE = 'We will save this.'

/**
 * Carts that can be seen and changed at any time. Changes of one user wait in a line, each until the one
 * before it is saved; without a primary the lines grow, and with the next one they are saved: in order,
 * and each once. What was promised is on disk first, and saved by the next process should this one end.
 */
export class Carts {
  readonly #pool: Pool
  /** Gives up on the primary soon: somebody is waiting to see their cart. */
  readonly #reading: PolicyPool
  readonly #journal: CartJournal
  readonly #promises: PromiseFile
  readonly #lines = new Map<number, WaitingChange[]>()
  #closed = false

  constructor(pool: Pool, journal: CartJournal, promises: PromiseFile) {
    this.#pool = pool
    this.#reading = pool.with('carts')
    this.#journal = journal
    this.#promises = promises
  }

  async change(change: CartChange): Promise<Told> {
    const entry = this.#journal.begin(change)
    const saved = this.#standInLine(change, entry)
    const told = await Promise.race([
      saved.then(() => 'saved' as const),
      sleep(PATIENCE_MS, 'promised' as const),
    ])
    if (told === 'promised') await this.#promises.add(change)
    entry.told = told
    return told === 'saved' ? { kind: told } : { kind: told, text: PROMISE, kept: saved }
  }

  /** Reading again or twice does no harm, and what is not saved yet is shown all the same. */
  async read(userId: number): Promise<SeenCart> {
    const waiting = (this.#lines.get(userId) ?? []).map(({ change }) => change)
    const { stored, mayBeBehind } = await this.#readStored(
      userId,
      waiting.map(({ key }) => key),
    )
    const promised = waiting.filter(({ key }) => !stored.includes.has(key))
    const cart = applyChanges(stored.cart, promised)
    return { cart, promised: promised.length, fromStandby: stored.fromStandby, mayBeBehind }
  }

  /** Waits until everything this user did is saved; false when `signal` fired first. */
  async whenSaved(userId: number, signal: AbortSignal): Promise<boolean> {
    while (this.#lines.has(userId)) {
      if (signal.aborted) return false
      await Promise.race([this.#lines.get(userId)?.at(-1)?.saved, sleep(AGAIN_MS)])
    }
    return true
  }

  /** Waits until every promise is kept, at most `patienceMs`; says whether it is. What is not stays on disk. */
  async close(patienceMs: number): Promise<boolean> {
    const deadline = performance.now() + patienceMs
    while (this.#lines.size > 0 && performance.now() < deadline) await sleep(AGAIN_MS)
    this.#closed = true
    const unkept = [...this.#lines.values()].flat()
    await Promise.allSettled(unkept.map(({ saved }) => saved))
    if (unkept.length === 0) await this.#promises.clear()
    return unkept.length === 0
  }

  #standInLine(change: CartChange, entry: CartEntry): Promise<void> {
    const line = this.#lines.get(change.userId) ?? []
    this.#lines.set(change.userId, line)
    const saved = this.#saveAfter(line.at(-1)?.saved, change, entry).then(() => {
      line.shift()
      if (line.length === 0) this.#lines.delete(change.userId)
    })
    // Whoever waits for it hears of it; nobody must.
    saved.catch(() => {})
    line.push({ change, saved })
    return saved
  }

  async #saveAfter(before: Promise<void> | undefined, change: CartChange, entry: CartEntry): Promise<void> {
    const beganAtMs = performance.now()
    await before
    while (!(await this.#trySave(change, entry))) await sleep(AGAIN_MS)
    entry.savedAfterMs = Math.round(performance.now() - beganAtMs)
  }

  async #trySave(change: CartChange, entry: CartEntry): Promise<boolean> {
    if (this.#closed) throw new Error(`The shop closed before cart change ${change.key} was saved.`)
    try {
      // Nobody is waiting for this: after their patience they have a promise.
      entry.tookEffect = (await saveChange(this.#pool, change)) === 'there-already'
      return true
    } catch (error) {
      const failure = judgeFailure(error)
      if (failure === 'bug') throw error
      // The next try will tell: it finds the key, or not.
      if (failure === 'unknown') entry.unknownTries++
      return false
    }
  }

  /** As their owner left it if a standby has that; otherwise, without a primary, as any standby has it. */
  async #readStored(
    userId: number,
    keys: readonly string[],
  ): Promise<{ stored: StoredCart; mayBeBehind: boolean }> {
    try {
      return { stored: await readCart(this.#reading, userId, keys, 'session'), mayBeBehind: false }
    } catch (error) {
      if (judgeFailure(error) === 'bug') throw error
      return { stored: await readCart(this.#reading, userId, keys, 'eventual'), mayBeBehind: true }
    }
  }
}
