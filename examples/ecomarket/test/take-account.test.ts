import { describe, expect, test } from 'vitest'
import type { FoundOrder, Ledger } from '../src/account/ledger.js'
import { takeAccount } from '../src/account/take-account.js'
import type { JournalEntry, PurchaseOutcome } from '../src/buying/order-journal.js'

function told(key: string, outcome: PurchaseOutcome, units = 2): JournalEntry {
  return { key, units, outcome, tries: 1 }
}

function order(key: string, units = 2): FoundOrder {
  return { key, units, status: 'placed', events: ['placed'] }
}

const FULL_SHELF = { id: 1, received: 10, stock: 6, ordered: 4 }

function ledger(orders: FoundOrder[], products = [FULL_SHELF]): Ledger {
  return { orders, products }
}

describe('an account balances', () => {
  test('when every acknowledged order is there and nothing else', () => {
    const account = takeAccount(
      [told('a', 'acknowledged'), told('b', 'acknowledged'), told('c', 'refused'), told('d', 'given-up')],
      ledger([order('a'), order('b')]),
    )
    expect(account).toMatchObject({ balanced: true, acknowledged: 2, found: 2, refused: 1, givenUp: 1 })
  })

  test('when an unknown outcome turns out either way, and it says which', () => {
    const account = takeAccount([told('a', 'unknown'), told('b', 'unknown')], ledger([order('a')]))
    expect(account).toMatchObject({ balanced: true, unknown: { tookEffect: ['a'], didNot: ['b'] } })
  })
})

describe('an account does not balance', () => {
  test('when an acknowledged order is lost', () => {
    const account = takeAccount([told('a', 'acknowledged'), told('b', 'acknowledged')], ledger([order('a')]))
    expect(account).toMatchObject({ balanced: false, lost: ['b'] })
  })

  test('when an order is there twice', () => {
    const account = takeAccount([told('a', 'acknowledged')], ledger([order('a'), order('a')]))
    expect(account).toMatchObject({ balanced: false, duplicates: ['a'] })
  })

  test('when a try that was held to have had no effect had one', () => {
    const account = takeAccount([told('a', 'contradicted')], ledger([order('a')]))
    expect(account).toMatchObject({ balanced: false, duplicates: ['a'] })
  })

  test.each(['refused', 'given-up'] as const)('when an order is there that was %s', (outcome) => {
    const account = takeAccount([told('a', outcome)], ledger([order('a')]))
    expect(account).toMatchObject({ balanced: false, unexpected: ['a'] })
  })

  test('when an order is there that nobody placed', () => {
    expect(takeAccount([], ledger([order('a')]))).toMatchObject({ balanced: false, unexpected: ['a'] })
  })

  test('when an order has other contents than those bought', () => {
    const account = takeAccount([told('a', 'acknowledged', 3)], ledger([order('a', 2)]))
    expect(account).toMatchObject({ balanced: false, altered: ['a'] })
  })

  test.each([
    { status: 'placed', events: [] },
    { status: 'placed', events: ['placed', 'placed'] },
    { status: 'paid', events: ['placed'] },
  ])('when the events of a $status order are $events', (found) => {
    const account = takeAccount([told('a', 'acknowledged')], ledger([{ ...order('a'), ...found }]))
    expect(account).toMatchObject({ balanced: false, withoutEvents: ['a'] })
  })

  test('when units are missing from the stock or have appeared in it', () => {
    const products = [FULL_SHELF, { ...FULL_SHELF, id: 2, stock: 5 }, { ...FULL_SHELF, id: 3, stock: 7 }]
    const account = takeAccount([], ledger([], products))
    expect(account.balanced).toBe(false)
    expect(account.stock.mismatched.map((product) => product.id)).toEqual([2, 3])
  })

  test('when a stock is below zero', () => {
    const account = takeAccount([], ledger([], [{ id: 1, received: 3, stock: -1, ordered: 4 }]))
    expect(account).toMatchObject({ balanced: false, stock: { belowZero: [1] } })
  })
})
