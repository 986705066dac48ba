import { randomUUID } from 'node:crypto'
import { type Herd, openHerd } from '@pgherd/cluster'
import { parseSpec } from '@pgherd/core/spec'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { fillCart } from '../src/buying/fill-cart.js'
import { placeOrder } from '../src/buying/place-order.js'
import type { Purchase } from '../src/buying/purchase.js'
import { loadMarketplace } from '../src/data/load-marketplace.js'
import { type StateFolder, temporaryFolder } from '../src/state-folder.js'
import { type Cut, openCuttingRelay } from './cutting-relay.js'

const SPEC = `
name: ecomarket-orders
database: ecomarket
port: auto
groups:
  - { name: main, nodes: 1, durability: fast }
`

let state: StateFolder
let herd: Herd
let client: pg.Client
const closing: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  state = await temporaryFolder()
  herd = await openHerd({ spec: parseSpec(SPEC, 'test'), stateDir: state.path })
  await herd.whenWhole()
  client = new pg.Client(herd.dsn('main-1'))
  await client.connect()
  await loadMarketplace(client, 42)
}, 60_000)

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

afterAll(async () => {
  await client?.end()
  await herd?.stop()
  await state?.remove()
})

function purchaseOf(productId: number, quantity: number): Purchase {
  return { key: randomUUID(), userId: 1, lines: [{ productId, quantity }] }
}

async function stockOf(productId: number): Promise<number> {
  const { rows } = await client.query('select stock from inventory where product_id = $1', [productId])
  return rows[0].stock
}

async function isThere({ key }: Purchase): Promise<boolean> {
  const { rows } = await client.query('select 1 from orders where key = $1', [key])
  return rows.length === 1
}

async function connectCut(cut: Cut): Promise<pg.Client> {
  const { host, port } = herd.primaryOf() as { host: string; port: number }
  const relay = await openCuttingRelay({ host, port }, cut)
  closing.push(() => relay.close())
  const url = new URL(herd.dsn('main-1'))
  url.port = String(relay.port)
  const through = new pg.Client(url.href)
  through.on('error', () => {})
  await through.connect()
  closing.push(() => through.end().catch(() => {}))
  return through
}

describe('placing an order', () => {
  test('takes its stock, writes its event and empties the cart', async () => {
    const purchase = purchaseOf(1, 2)
    const before = await stockOf(1)
    await fillCart(client, purchase)
    expect(await placeOrder(client, purchase)).toEqual({ kind: 'acknowledged' })
    expect(await stockOf(1)).toBe(before - 2)
    expect((await client.query('select 1 from cart_items where user_id = 1')).rows).toEqual([])
    const { rows } = await client.query(
      `select order_events.status, total_cents = 2 * price_cents as "rightTotal"
       from orders join order_events on order_id = orders.id join products on products.id = 1
       where key = $1`,
      [purchase.key],
    )
    expect(rows).toEqual([{ status: 'placed', rightTotal: true }])
  })

  test('is refused when one product is not there often enough, and takes nothing of the others', async () => {
    const [first, second] = [await stockOf(2), await stockOf(3)]
    const lines = [
      { productId: 2, quantity: 1 },
      { productId: 3, quantity: second + 1 },
    ]
    const purchase = { ...purchaseOf(2, 1), lines }
    expect(await placeOrder(client, purchase)).toEqual({ kind: 'out-of-stock' })
    expect([await stockOf(2), await stockOf(3)]).toEqual([first, second])
    expect(await isThere(purchase)).toBe(false)
  })

  test('a second time finds the first, and takes no stock', async () => {
    const purchase = purchaseOf(4, 1)
    await placeOrder(client, purchase)
    const before = await stockOf(4)
    expect(await placeOrder(client, purchase)).toEqual({ kind: 'already-there' })
    expect(await stockOf(4)).toBe(before)
  })
})

describe('I3: when the connection is cut', () => {
  test('before COMMIT was sent, the order certainly was not placed', async () => {
    const purchase = purchaseOf(5, 1)
    const cut = { statement: 'begin', when: 'after' } as const
    expect(await placeOrder(await connectCut(cut), purchase)).toEqual({
      kind: 'unplaced',
      connectionLost: true,
    })
    expect(await isThere(purchase)).toBe(false)
  })

  test('after COMMIT arrived, nobody can say, and the order is there', async () => {
    const purchase = purchaseOf(6, 1)
    const cut = { statement: 'commit', when: 'after' } as const
    expect(await placeOrder(await connectCut(cut), purchase)).toEqual({ kind: 'unknown' })
    await expect.poll(() => isThere(purchase)).toBe(true)
  })

  test('before COMMIT arrived, nobody can say, and the order is not there', async () => {
    const purchase = purchaseOf(7, 1)
    const cut = { statement: 'commit', when: 'before' } as const
    expect(await placeOrder(await connectCut(cut), purchase)).toEqual({ kind: 'unknown' })
    expect(await isThere(purchase)).toBe(false)
  })
})

describe('the schema', () => {
  test('refuses a stock below zero', async () => {
    const below = client.query('update inventory set stock = -1 where product_id = 1')
    await expect(below).rejects.toMatchObject({ code: '23514' })
  })

  test.each([
    'update order_events set status = $$paid$$',
    'delete from order_events',
    'truncate order_events',
  ])('refuses "%s": events are only added', async (statement) => {
    await expect(client.query(statement)).rejects.toMatchObject({ code: '23001' })
  })
})
