import type { Herd } from '@pgherd/cluster'
import { lastOrderId, readLedger } from './account/read-ledger.js'
import { takeAccount } from './account/take-account.js'
import { ReadConnections } from './browsing/read-connections.js'
import { type ReadingCounts, runReader } from './browsing/run-reader.js'
import { purchaseChooser } from './buying/choose-purchases.js'
import { OrderJournal } from './buying/order-journal.js'
import { runBuyer } from './buying/run-buyer.js'
import { seededRandom } from './data/random.js'
import { type Failover, killPrimaries } from './kill-primaries.js'
import { PrimaryConnection } from './primary-connection.js'
import { readShop, type Shop } from './read-shop.js'
import type { Report } from './report.js'
import type { RunOptions } from './run-options.js'

export interface Trading {
  herd: Herd
  options: RunOptions
  signal: AbortSignal
  tell: (line: string) => void
}

/** How long the account waits for a primary, at worst. */
const ACCOUNT_TIMEOUT_MS = 30_000
/** Somebody who buys pauses for up to so long, somebody who reads for half of it. */
const LONGEST_PAUSE_MS = 8

/** Lets buyers and readers loose, kills primaries meanwhile, and takes the account when all have ended. */
export async function trade({ herd, options, signal, tell }: Trading): Promise<Report> {
  const bookkeeper = new PrimaryConnection(herd)
  try {
    const opening = await bookkeeper.get(signal)
    const shop = await readShop(opening.client)
    const before = await lastOrderId(opening.client)
    const journal = new OrderJournal()
    const reading: ReadingCounts = { pagesFromStandbys: 0, pagesFromPrimary: 0, repeated: 0, failed: 0 }
    const failovers: Failover[] = []

    tell(`${options.buyers} buyers and ${options.readers} readers for ${options.seconds} s`)
    const startedAtMs = performance.now()
    const closing = new AbortController()
    const over = AbortSignal.any([signal, closing.signal])
    const everybody = Promise.all([
      ...buyers(herd, options, shop, journal, over),
      ...readers(herd, options, shop, reading, over),
    ])
    const killing = killPrimaries({ herd, journal, ...options, tell, signal: over }, failovers)
    // Nobody leaves before closing time, unless something is wrong with the program.
    const failure = await Promise.race([killing, everybody]).then(() => null, whyEnded)
    closing.abort()
    await everybody
    const tradedMs = Math.round(performance.now() - startedAtMs)

    tell('the market is closed; taking the account')
    const { client } = await bookkeeper.get(AbortSignal.timeout(ACCOUNT_TIMEOUT_MS))
    const account = takeAccount(journal.entries, await readLedger(client, before))
    return { options, tradedMs, interrupted: signal.aborted, failure, account, reading, failovers }
  } finally {
    await bookkeeper.close()
  }
}

/** A herd that does not come back ends the run, and its account is wanted all the more. */
function whyEnded(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function buyers(
  herd: Herd,
  options: RunOptions,
  shop: Shop,
  journal: OrderJournal,
  signal: AbortSignal,
): Promise<void>[] {
  return Array.from({ length: options.buyers }, async (_, index) => {
    const random = seededRandom(options.seed + 1 + index)
    const connection = new PrimaryConnection(herd)
    // No user is two buyers at once.
    const userIds = shop.userIds.filter((id) => id % options.buyers === index)
    const nextPurchase = purchaseChooser(random, { ...shop, userIds })
    const nextPauseMs = (): number => random() * LONGEST_PAUSE_MS
    try {
      await runBuyer({ connection, nextPurchase, nextPauseMs, journal, signal })
    } finally {
      await connection.close()
    }
  })
}

function readers(
  herd: Herd,
  options: RunOptions,
  shop: Shop,
  counts: ReadingCounts,
  signal: AbortSignal,
): Promise<void>[] {
  return Array.from({ length: options.readers }, async (_, index) => {
    const random = seededRandom(options.seed + 1001 + index)
    const connections = new ReadConnections(herd)
    const nextPauseMs = (): number => (random() * LONGEST_PAUSE_MS) / 2
    try {
      await runReader({ connections, categories: shop.categories, random, nextPauseMs, counts, signal })
    } finally {
      await connections.close()
    }
  })
}
