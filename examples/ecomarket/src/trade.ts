import type { Pool } from '@pgherd/client'
import type { Herd } from '@pgherd/cluster'
import { readLedger, readOpening } from './account/read-ledger.js'
import { takeAccount } from './account/take-account.js'
import { type ReadingCounts, startCounting } from './browsing/reading-counts.js'
import { runVisitor } from './browsing/run-visitor.js'
import { purchaseChooser } from './buying/choose-purchases.js'
import { measurePauses } from './buying/measure-pauses.js'
import { OrderJournal } from './buying/order-journal.js'
import { refillStock } from './buying/refill-stock.js'
import { runBuyer } from './buying/run-buyer.js'
import { type Cart, EMPTY_CART } from './carts/cart.js'
import { CartJournal } from './carts/cart-journal.js'
import { Carts } from './carts/carts.js'
import type { PromiseFile } from './carts/promise-file.js'
import { seededRandom } from './data/random.js'
import { readShop, type Shop } from './data/read-shop.js'
import { type Failover, killPrimaries } from './kill-primaries.js'
import type { Report } from './report.js'
import type { RunOptions } from './run-options.js'

export interface Trading {
  herd: Herd
  pool: Pool
  promises: PromiseFile
  options: RunOptions
  signal: AbortSignal
  tell: (line: string) => void
}

/** What everybody in the marketplace shares. */
interface Market {
  pool: Pool
  shop: Shop
  options: RunOptions
  carts: Carts
  counts: ReadingCounts
  signal: AbortSignal
}

/** How long the last promises wait for a primary, at worst. */
const CLOSING_TIMEOUT_MS = 30_000
/** Somebody who buys pauses for up to so long, somebody who leafs through the catalogue for half of it. */
const LONGEST_PAUSE_MS = 8

/** Lets everybody loose, kills primaries meanwhile, and takes the account when all have ended. */
export async function trade({ herd, pool, promises, options, signal, tell }: Trading): Promise<Report> {
  const opening = await readOpening(pool)
  const journals = { orders: new OrderJournal(), carts: new CartJournal() }
  const counts = startCounting()
  const failovers: Failover[] = []
  const closing = new AbortController()
  const over = AbortSignal.any([signal, closing.signal])
  const carts = new Carts(pool, journals.carts, promises)
  const market = { pool, shop: await readShop(pool), options, carts, counts, signal: over }

  tell(`${options.buyers} buyers and ${options.visitors} visitors for ${options.seconds} s`)
  const startedAtMs = performance.now()
  const everybody = Promise.all([
    ...buyers(market, journals.orders),
    ...visitors(market, opening.carts),
    refillStock(pool.with('inventory'), over),
  ])
  const killing = killPrimaries({ herd, journal: journals.orders, ...options, tell, signal: over }, failovers)
  // Nobody leaves before closing time, unless something is wrong with the program.
  const failure = await Promise.race([killing, everybody]).then(() => null, whyEnded)
  closing.abort()
  await everybody
  const tradedMs = Math.round(performance.now() - startedAtMs)

  tell('the market is closed; keeping the last promises and taking the account')
  await carts.close(CLOSING_TIMEOUT_MS)
  const told = { orders: journals.orders.entries, carts: journals.carts.entries }
  const account = takeAccount(told, opening, await readLedger(pool, opening))
  const pauses = measurePauses(told.orders)
  return {
    options,
    tradedMs,
    interrupted: signal.aborted,
    failure,
    account,
    pauses,
    reading: counts,
    failovers,
  }
}

/** A herd that does not come back ends the run, and its account is wanted all the more. */
function whyEnded(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function buyers(
  { pool, shop, options, carts, counts, signal }: Market,
  journal: OrderJournal,
): Promise<void>[] {
  return Array.from({ length: options.buyers }, (_, index) => {
    const random = seededRandom(options.seed + 1 + index)
    const userIds = usersOf(shop, options, index)
    const nextPurchase = purchaseChooser(random, { ...shop, userIds })
    const nextPauseMs = (): number => random() * LONGEST_PAUSE_MS
    return runBuyer({ pool, carts, nextPurchase, nextPauseMs, journal, counts, signal })
  })
}

function visitors(
  { pool, shop, options, carts, counts, signal }: Market,
  cartsBefore: ReadonlyMap<number, Cart>,
): Promise<void>[] {
  return Array.from({ length: options.visitors }, (_, index) => {
    const random = seededRandom(options.seed + 1001 + index)
    const nextPauseMs = (): number => (random() * LONGEST_PAUSE_MS) / 2
    const userId = usersOf(shop, options, options.buyers + index)[0] as number
    const cart = cartsBefore.get(userId) ?? EMPTY_CART
    const catalogue = pool.with('catalogue')
    const { categories } = shop
    const visitor = { userId, cart, catalogue, carts, categories, random, nextPauseMs, counts, signal }
    return pool.session(() => runVisitor(visitor))
  })
}

/** No user is two people at once. */
function usersOf({ userIds }: Shop, { buyers, visitors }: RunOptions, person: number): number[] {
  return userIds.filter((id) => id % (buyers + visitors) === person)
}
