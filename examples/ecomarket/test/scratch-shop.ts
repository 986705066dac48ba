import type { Pool } from '@pgherd/client'
import { type Herd, openHerd } from '@pgherd/cluster'
import { parseSpec } from '@pgherd/core/spec'
import pg from 'pg'
import { loadMarketplace } from '../src/data/load-marketplace.js'
import { openPool } from '../src/open-pool.js'
import { temporaryFolder } from '../src/state-folder.js'
import { type Cut, openCuttingRelay } from './cutting-relay.js'

/** A herd of one node with the marketplace on it, and ways to it that are cut at a statement. */
export interface ScratchShop {
  pool: Pool
  /** For files of a test; removed at the end. */
  folder: string
  /** Past the pool: what is in the database. */
  client: pg.Client
  /** A pool whose connections go over a relay, which makes the cut once. Closed after the test. */
  poolCut(cut: Cut): Promise<Pool>
  closeCut(): Promise<void>
  close(): Promise<void>
}

export async function openScratchShop(name: string): Promise<ScratchShop> {
  const state = await temporaryFolder()
  const groups = '[{ name: main, nodes: 1, durability: fast }]'
  const spec = parseSpec(`{ name: ${name}, database: ecomarket, port: auto, groups: ${groups} }`, 'test')
  const herd = await openHerd({ spec, stateDir: state.path })
  await herd.whenWhole()
  const pool = openPool(herd.dsn())
  await loadMarketplace(pool, 42)
  const client = new pg.Client(herd.dsn('main-1'))
  await client.connect()
  const closing: (() => Promise<unknown>)[] = []
  const closeCut = async (): Promise<void> => {
    for (const close of closing.splice(0).reverse()) await close()
  }
  return {
    pool,
    folder: state.path,
    client,
    closeCut,
    poolCut: async (cut) => {
      const relay = await openCuttingRelay(addressOf(herd), cut)
      closing.push(() => relay.close())
      const url = new URL(herd.dsn('main-1'))
      url.port = String(relay.port)
      const through = openPool(url.href)
      closing.push(() => through.end())
      return through
    },
    close: async () => {
      await closeCut()
      await client.end()
      await pool.end()
      await herd.stop()
      await state.remove()
    },
  }
}

function addressOf(herd: Herd): { host: string; port: number } {
  return herd.primaryOf() as { host: string; port: number }
}
