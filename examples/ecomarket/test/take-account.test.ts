import { describe, expect, test } from 'vitest'
import type { Account } from '../src/account/account.js'
import type { FoundOrder, Ledger } from '../src/account/ledger.js'
import { takeAccount } from '../src/account/take-account.js'
import { beginCourse, type JournalEntry, type PurchaseOutcome } from '../src/buying/order-journal.js'
import type { Purchase } from '../src/buying/purchase.js'
import type { CartEntry } from '../src/carts/cart-journal.js'

function purchaseOf(key: string, units: number): Purchase {
  return { key, userId: 1, lines: [{ productId: 1, quantity: units }] }
}

function told(key: string, outcome: PurchaseOutcome, units = 2, unknownTries = 0): JournalEntry {
  return { ...beginCourse(), purchase: purchaseOf(key, units), outcome, tries: 1, unknownTries }
}

function order(key: string, units = 2): FoundOrder {
  return { ...purchaseOf(key, units), status: 'placed', events: ['placed'] }
}

const FULL_SHELF = { id: 1, received: 10, stock: 6, ordered: 4 }

function ledger(orders: FoundOrder[], products = [FULL_SHELF]): Ledger {
  return { orders, products, cartChanges: [], carts: new Map() }
}

function takeOrders(orders: JournalEntry[], held: Ledger): Account {
  return takeAccount({ orders, carts: [] }, { carts: new Map() }, held)
}

describe('an account balances', () => {
  test('when every acknowledged order is there and nothing else', () => {
    const account = takeOrders(
      [told('a', 'acknowledged'), told('b', 'acknowledged'), told('c', 'refused'), told('d', 'given-up')],
      ledger([order('a'), order('b')]),
    )
    expect(account).toMatchObject({
      balanced: true,
      orders: { acknowledged: 2, found: 2, refused: 1, givenUp: 1 },
    })
  })

  test('when an unknown outcome turns out either way, and it says which', () => {
    const account = takeOrders(
      [told('a', 'unknown', 2, 1), told('b', 'unknown', 2, 1), told('c', 'looked-up', 2, 2)],
      ledger([order('a'), order('c')]),
    )
    expect(account).toMatchObject({ balanced: true, orders: { unknown: { tookEffect: 2, didNot: 2 } } })
  })
})

describe('an account does not balance', () => {
  test.each(['acknowledged', 'looked-up'] as const)('when an order is lost that was %s', (outcome) => {
    const account = takeOrders([told('a', 'acknowledged'), told('b', outcome)], ledger([order('a')]))
    expect(account).toMatchObject({ balanced: false, orders: { lost: ['b'] } })
  })

  test('when an order is there twice', () => {
    const account = takeOrders([told('a', 'acknowledged')], ledger([order('a'), order('a')]))
    expect(account).toMatchObject({ balanced: false, orders: { duplicates: ['a'] } })
  })

  test('when a try that was held to have had no effect had one', () => {
    const account = takeOrders([told('a', 'contradicted')], ledger([order('a')]))
    expect(account).toMatchObject({ balanced: false, orders: { duplicates: ['a'] } })
  })

  test.each(['refused', 'given-up'] as const)('when an order is there that was %s', (outcome) => {
    const account = takeOrders([told('a', outcome)], ledger([order('a')]))
    expect(account).toMatchObject({ balanced: false, orders: { unexpected: ['a'] } })
  })

  test('when an order is there that nobody placed', () => {
    expect(takeOrders([], ledger([order('a')]))).toMatchObject({
      balanced: false,
      orders: { unexpected: ['a'] },
    })
  })

  test.each([
    { what: 'other units', found: order('a', 3) },
    { what: 'another product', found: { ...order('a'), lines: [{ productId: 2, quantity: 2 }] } },
    { what: 'a line less', found: { ...order('a'), lines: [] } },
    { what: 'another buyer', found: { ...order('a'), userId: 2 } },
  ])('when an order has $what than was bought', ({ found }) => {
    const account = takeOrders([told('a', 'acknowledged')], ledger([found]))
    expect(account).toMatchObject({ balanced: false, orders: { altered: ['a'] } })
  })

  test.each([
    { status: 'placed', events: [] },
    { status: 'placed', events: ['placed', 'placed'] },
    { status: 'paid', events: ['placed'] },
  ])('when the events of a $status order are $events', (found) => {
    const account = takeOrders([told('a', 'acknowledged')], ledger([{ ...order('a'), ...found }]))
    expect(account).toMatchObject({ balanced: false, orders: { withoutEvents: ['a'] } })
  })

  test('when units are missing from the stock or have appeared in it', () => {
    const products = [FULL_SHELF, { ...FULL_SHELF, id: 2, stock: 5 }, { ...FULL_SHELF, id: 3, stock: 7 }]
    const account = takeOrders([], ledger([], products))
    expect(account.balanced).toBe(false)
    expect(account.stock.mismatched.map((product) => product.id)).toEqual([2, 3])
  })

  test('when a stock is below zero', () => {
    const account = takeOrders([], ledger([], [{ id: 1, received: 3, stock: -1, ordered: 4 }]))
    expect(account).toMatchObject({ balanced: false, stock: { belowZero: [1] } })
  })
})

function changed(key: string, quantity: number, promised: CartEntry['told'] = 'promised'): CartEntry {
  const change = { key, userId: 1, productId: 5, quantity }
  return { change, told: promised, savedAfterMs: 300, unknownTries: 0, tookEffect: false }
}

function takeCarts(carts: CartEntry[], keys: string[], units: number | null, orders: JournalEntry[] = []) {
  const held = {
    ...ledger(orders.map(({ purchase }) => order(purchase.key))),
    cartChanges: keys.map((key) => ({ key, userId: 1 })),
    carts: new Map(units === null ? [] : [[1, new Map([[5, units]])]]),
  }
  return takeAccount({ orders, carts }, { carts: new Map([[1, new Map([[5, 1]])]]) }, held)
}

describe('an account of carts balances', () => {
  test('when each promise is kept, on top of what was in the cart before', () => {
    const account = takeCarts([changed('a', 2), changed('b', 3, 'saved')], ['a', 'b'], 6)
    const carts = { promised: 1, saved: 1, longestPromiseMs: 300 }
    expect(account).toMatchObject({ balanced: true, carts })
  })

  test('when a change of which nobody was told anything is there, or is not', () => {
    expect(takeCarts([changed('a', 2, null)], ['a'], 3)).toMatchObject({ balanced: true })
    expect(takeCarts([changed('a', 2, null)], [], 1)).toMatchObject({ balanced: true })
  })

  test('when the cart of a buyer is empty', () => {
    const account = takeCarts([changed('a', 2)], ['a'], null, [told('o', 'acknowledged')])
    expect(account).toMatchObject({ balanced: true })
  })
})

describe('an account of carts does not balance', () => {
  test('when a promise is broken', () => {
    const account = takeCarts([changed('a', 2), changed('b', 1)], ['a'], 3)
    expect(account).toMatchObject({
      balanced: false,
      carts: { lost: ['b'], outOfOrder: [1], differing: [1] },
    })
  })

  test('when a change is there that nobody made', () => {
    expect(takeCarts([], ['x'], 1)).toMatchObject({ balanced: false, carts: { unexpected: ['x'] } })
  })

  test.each([
    { what: 'were saved in another order', keys: ['b', 'a'] },
    { what: 'were saved twice', keys: ['a', 'b', 'a'] },
  ])('when changes $what', ({ keys }) => {
    const account = takeCarts([changed('a', 2), changed('b', 3)], keys, 6)
    expect(account).toMatchObject({ balanced: false, carts: { outOfOrder: [1] } })
  })

  test('when a change is there and did nothing to the cart, or did it twice', () => {
    for (const units of [1, 5])
      expect(takeCarts([changed('a', 2)], ['a'], units)).toMatchObject({
        balanced: false,
        carts: { differing: [1] },
      })
  })
})
