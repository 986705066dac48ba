import { randomUUID } from 'node:crypto'
import type { Pool } from '@pgherd/client'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { beginCourse } from '../src/buying/order-journal.js'
import { isPlaced, placeOrder } from '../src/buying/place-order.js'
import type { Purchase } from '../src/buying/purchase.js'
import { refillStock } from '../src/buying/refill-stock.js'
import { buy } from '../src/buying/run-buyer.js'
import { saveChange } from '../src/carts/save-change.js'
import { openScratchShop, type ScratchShop } from './scratch-shop.js'

let shop: ScratchShop

beforeAll(async () => {
  shop = await openScratchShop('ecomarket-orders')
}, 60_000)

afterEach(async () => {
  await shop?.closeCut()
})

afterAll(async () => {
  await shop?.close()
})

function purchaseOf(productId: number, quantity: number): Purchase {
  return { key: randomUUID(), userId: 1, lines: [{ productId, quantity }] }
}

function place(purchase: Purchase): ReturnType<typeof placeOrder> {
  return placeOrder(shop.pool.with('inventory'), purchase)
}

async function stockOf(productId: number): Promise<number> {
  const { rows } = await shop.client.query('select stock from inventory where product_id = $1', [productId])
  return rows[0].stock
}

/** As a buyer does it, over this pool. */
async function buyOver(pool: Pool, purchase: Purchase) {
  const course = beginCourse()
  const { signal } = new AbortController()
  const outcome = await buy({ inventory: pool.with('inventory'), purchase, course, signal })
  return { outcome, tries: course.tries, unknownTries: course.unknownTries }
}

describe('placing an order', () => {
  test('takes its stock, writes its event and empties the cart', async () => {
    const purchase = purchaseOf(1, 2)
    const before = await stockOf(1)
    const change = { key: randomUUID(), userId: 1, productId: 1, quantity: 2 }
    await saveChange(shop.pool, change)
    expect(await place(purchase)).toEqual({ kind: 'placed', node: 'main-1' })
    expect(await stockOf(1)).toBe(before - 2)
    expect((await shop.client.query('select 1 from cart_items where user_id = 1')).rows).toEqual([])
    const { rows } = await shop.client.query(
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
    expect(await place(purchase)).toEqual({ kind: 'out-of-stock' })
    expect([await stockOf(2), await stockOf(3)]).toEqual([first, second])
    expect(await isPlaced(shop.pool.with('inventory'), purchase)).toBe(false)
  })

  test('a second time is refused by its key, and takes no stock', async () => {
    const purchase = purchaseOf(4, 1)
    await place(purchase)
    const before = await stockOf(4)
    await expect(place(purchase)).rejects.toMatchObject({ constraint: 'orders_key_key' })
    expect(await stockOf(4)).toBe(before)
  })

  test('the last unit is sold once, however many want it', async () => {
    const { rows } = await shop.client.query(
      'update inventory set stock = 1, received = 1 where product_id = 8',
    )
    expect(rows).toEqual([])
    const all = await Promise.all(Array.from({ length: 8 }, () => place(purchaseOf(8, 1))))
    expect(all.filter(({ kind }) => kind === 'placed')).toHaveLength(1)
    expect(await stockOf(8)).toBe(0)
  })
})

test('the supplier brings what is sold out, and nothing else', async () => {
  const [soldOut, left] = [await stockOf(9), await stockOf(10)]
  expect(await place(purchaseOf(9, soldOut))).toMatchObject({ kind: 'placed' })
  const over = new AbortController()
  const refilling = refillStock(shop.pool.with('inventory'), over.signal)
  await expect.poll(() => stockOf(9)).toBeGreaterThan(0)
  over.abort()
  await refilling
  expect(await stockOf(10)).toBe(left)
  const { rows } = await shop.client.query(
    'select received - stock as ordered from inventory where product_id = 9',
  )
  expect(rows).toEqual([{ ordered: soldOut }])
})

describe('I3: when the connection is cut', () => {
  test.each([
    {
      cut: { following: 'BEGIN', statement: 'update inventory', when: 'before' },
      what: 'before COMMIT was sent, the client begins again by itself',
      told: { outcome: 'acknowledged', tries: 2, unknownTries: 0 },
    },
    {
      cut: { following: 'update inventory', statement: 'COMMIT\0', when: 'after' },
      what: 'after COMMIT arrived, the buyer looks and finds the order',
      told: { outcome: 'looked-up', tries: 1, unknownTries: 1 },
    },
    {
      cut: { following: 'update inventory', statement: 'COMMIT\0', when: 'before' },
      what: 'before COMMIT arrived, the buyer looks, finds nothing and tries again',
      told: { outcome: 'acknowledged', tries: 2, unknownTries: 1 },
    },
  ] as const)('$what', async ({ cut, told }) => {
    const purchase = purchaseOf(6, 1)
    const before = await stockOf(6)
    expect(await buyOver(await shop.poolCut(cut), purchase)).toEqual(told)
    expect(await stockOf(6)).toBe(before - 1)
    const { rowCount } = await shop.client.query('select from orders where key = $1', [purchase.key])
    expect(rowCount).toBe(1)
  })
})

describe('the schema', () => {
  test('refuses a stock below zero', async () => {
    const below = shop.client.query('update inventory set stock = -1 where product_id = 1')
    await expect(below).rejects.toMatchObject({ code: '23514' })
  })

  test.each([
    'update order_events set status = $$paid$$',
    'delete from order_events',
    'truncate order_events',
  ])('refuses "%s": events are only added', async (statement) => {
    await expect(shop.client.query(statement)).rejects.toMatchObject({ code: '23001' })
  })
})
