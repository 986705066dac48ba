import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Pool } from '@pgherd/client'
import { type Herd, openHerd } from '@pgherd/cluster'
import { parseSpec } from '@pgherd/core/spec'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FIRST_PAGE, readCataloguePage } from '../src/browsing/catalogue-page.js'
import { placeOrder } from '../src/buying/place-order.js'
import { applyChanges, type CartChange, EMPTY_CART } from '../src/carts/cart.js'
import { CartJournal } from '../src/carts/cart-journal.js'
import { Carts } from '../src/carts/carts.js'
import { PromiseFile } from '../src/carts/promise-file.js'
import { loadMarketplace } from '../src/data/load-marketplace.js'
import { openPool } from '../src/open-pool.js'
import { type StateFolder, temporaryFolder } from '../src/state-folder.js'

const SPEC = fileURLToPath(new URL('../herd.yaml', import.meta.url))
const AWAY_MS = 4000
const USER = 7

let state: StateFolder
let herd: Herd
let pool: Pool

async function open(): Promise<void> {
  herd = await openHerd({ spec: parseSpec(await readFile(SPEC, 'utf8'), SPEC), stateDir: state.path })
}

beforeAll(async () => {
  state = await temporaryFolder()
  await open()
  await herd.whenWhole()
  pool = openPool(herd.dsn())
  await loadMarketplace(pool, 42)
}, 120_000)

afterAll(async () => {
  await pool?.end()
  await herd?.stop()
  await state?.remove()
})

function changeOf(productId: number, quantity: number): CartChange {
  return { key: randomUUID(), userId: USER, productId, quantity }
}

/** The supervisor goes first: the standbys serve reads, and nobody makes one of them primary. */
async function loseSupervisorAndPrimary(): Promise<void> {
  const primary = herd.primaryOf()?.name
  const { groups } = await herd.status()
  const pid = groups.flatMap((group) => group.nodes).find((node) => node.name === primary)?.pid
  await herd.leave()
  process.kill(pid as number, 'SIGKILL')
  // Its backends hear of that a moment later, and answer until then.
  while (pool.topology.primary !== null) await sleep(10)
}

test('without any primary carts are seen and changed, and what was promised is saved when there is one', async () => {
  const journal = new CartJournal()
  await using promises = await PromiseFile.open(join(state.path, 'promises'))
  const carts = new Carts(pool, journal, promises)
  await pool.session(async () => {
    const saved = [changeOf(1, 2), changeOf(2, 1)]
    for (const change of saved) {
      const told = await carts.change(change)
      // On a busy machine it may have to be promised first.
      if (told.kind === 'promised') await told.kept
    }
    expect((await carts.read(USER)).cart).toEqual(applyChanges(EMPTY_CART, saved))

    await loseSupervisorAndPrimary()
    const order = placeOrder(pool.with('inventory'), {
      key: randomUUID(),
      userId: USER + 1,
      lines: [{ productId: 1, quantity: 1 }],
    })
    const waiting = [changeOf(1, 3), changeOf(2, 0), changeOf(3, 1), changeOf(3, 0), changeOf(3, 2)]
    const untilMs = performance.now() + AWAY_MS
    for (const [at, change] of waiting.entries()) {
      const told = await carts.change(change)
      expect(told).toMatchObject({ kind: 'promised', text: 'We will save this.' })
      const seen = await carts.read(USER)
      expect(seen).toMatchObject({ promised: at + 1, fromStandby: true })
      expect(seen.cart).toEqual(applyChanges(EMPTY_CART, [...saved, ...waiting.slice(0, at + 1)]))
      const page = await readCataloguePage(pool.with('catalogue'), 'books', FIRST_PAGE)
      expect(page.fromStandby).toBe(true)
    }
    await sleep(untilMs - performance.now())
    expect(journal.entries.filter(({ savedAfterMs }) => savedAfterMs === null)).toHaveLength(waiting.length)

    await open()
    expect(await carts.whenSaved(USER, AbortSignal.timeout(60_000))).toBe(true)
    expect(await order).toMatchObject({ kind: 'placed' })
    const all = [...saved, ...waiting]
    expect(await carts.read(USER)).toMatchObject({ cart: applyChanges(EMPTY_CART, all), promised: 0 })
    const { rows } = await pool.with('inventory').query('select key from cart_changes order by id')
    expect(rows.map((row) => row.key)).toEqual(all.map(({ key }) => key))
  })
}, 120_000)
