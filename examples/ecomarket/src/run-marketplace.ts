import { join } from 'node:path'
import type { Pool } from '@pgherd/client'
import { type Herd, openHerd } from '@pgherd/cluster'
import type { HerdSpec } from '@pgherd/core/spec'
import { keepOldPromises } from './carts/keep-old-promises.js'
import { PromiseFile } from './carts/promise-file.js'
import { loadMarketplace } from './data/load-marketplace.js'
import { openPool } from './open-pool.js'
import type { Report } from './report.js'
import type { RunOptions } from './run-options.js'
import { trade } from './trade.js'

export interface Marketplace {
  spec: HerdSpec
  stateDir: string
  options: RunOptions
  /** Fires when the run is to end early; its account is taken all the same. */
  signal: AbortSignal
  tell: (line: string) => void
}

const WHOLE_TIMEOUT_MS = 60_000
/** Among the herd's own files, so that it goes when the herd is destroyed. */
const PROMISES = 'cart-promises.jsonl'

/**
 * Opens the herd, loads the data if it is not there, trades, takes the account and stops the herd.
 * Rejects with INTERRUPTED when `signal` fires before trade began.
 */
export async function runMarketplace({
  spec,
  stateDir,
  options,
  signal,
  tell,
}: Marketplace): Promise<Report> {
  const openedAtMs = performance.now()
  const herd = await openHerd({ spec, stateDir })
  try {
    await herd.whenWhole(WHOLE_TIMEOUT_MS, signal)
    tell(`${spec.name}: ${describeNodes(herd)}, whole after ${since(openedAtMs)}`)
    await using pool = openPool(herd.dsn())
    await load(pool, options.seed, tell)
    await using promises = await PromiseFile.open(join(herd.paths.root, PROMISES))
    const kept = await keepOldPromises(pool, promises)
    if (kept > 0) tell(`${kept} cart changes that an earlier run promised are saved now`)
    signal.throwIfAborted()
    return await trade({ herd, pool, promises, options, signal, tell })
  } finally {
    await herd.stop()
  }
}

async function load(pool: Pool, seed: number, tell: (line: string) => void): Promise<void> {
  const startedAtMs = performance.now()
  const loaded = await loadMarketplace(pool, seed)
  tell(loaded ? `users, products and stock loaded in ${since(startedAtMs)}` : 'the data is there already')
}

function describeNodes(herd: Herd): string {
  return herd.spec.groups.map((group) => `${group.nodes} nodes, durability ${group.durability}`).join('; ')
}

function since(startedAtMs: number): string {
  return `${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`
}
