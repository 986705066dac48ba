import type { JournalEntry, PurchaseOutcome } from '../buying/order-journal.js'
import type { PurchaseLine } from '../buying/purchase.js'
import type { OrderAccount } from './account.js'
import type { FoundOrder } from './ledger.js'

/** Order by order, by their keys. */
export function accountForOrders(
  journal: readonly JournalEntry[],
  orders: readonly FoundOrder[],
): OrderAccount {
  const foundKeys = new Set(keysOf(orders))
  const entryByKey = new Map(journal.map((entry) => [entry.purchase.key, entry]))
  const isFound = ({ purchase }: JournalEntry): boolean => foundKeys.has(purchase.key)
  const told = (...outcomes: PurchaseOutcome[]): JournalEntry[] =>
    journal.filter((entry) => outcomes.includes(entry.outcome))
  const tookEffect = told('looked-up').length + told('unknown').filter(isFound).length

  return {
    acknowledged: told('acknowledged').length,
    found: orders.length,
    lost: boughtKeys(told('acknowledged', 'looked-up').filter((entry) => !isFound(entry))),
    duplicates: [...repeatedKeys(orders), ...boughtKeys(told('contradicted'))],
    unexpected: keysOf(orders.filter(({ key }) => !mayBeThere(entryByKey.get(key)))),
    altered: keysOf(orders.filter((order) => isAltered(order, entryByKey.get(order.key)))),
    unknown: { tookEffect, didNot: sum(journal, (entry) => entry.unknownTries) - tookEffect },
    refused: told('refused').length,
    givenUp: told('given-up').length,
    repeatedTries: sum(journal, (entry) => Math.max(0, entry.tries - 1 - entry.unknownTries)),
    withoutEvents: keysOf(orders.filter((order) => !hasItsEvents(order))),
  }
}

const NOT_THERE: ReadonlySet<PurchaseOutcome> = new Set(['refused', 'given-up'])

function mayBeThere(entry: JournalEntry | undefined): boolean {
  return entry !== undefined && !NOT_THERE.has(entry.outcome)
}

function isAltered(order: FoundOrder, entry: JournalEntry | undefined): boolean {
  if (entry === undefined) return false
  const { userId, lines } = entry.purchase
  return userId !== order.userId || !isSameLines(lines, order.lines)
}

function isSameLines(a: readonly PurchaseLine[], b: readonly PurchaseLine[]): boolean {
  const isSame = ({ productId, quantity }: PurchaseLine, at: number): boolean =>
    b[at]?.productId === productId && b[at].quantity === quantity
  return a.length === b.length && a.every(isSame)
}

function hasItsEvents({ status, events }: FoundOrder): boolean {
  const placed = events.filter((event) => event === 'placed').length
  return events[0] === 'placed' && placed === 1 && events.at(-1) === status
}

function repeatedKeys(orders: readonly FoundOrder[]): string[] {
  const seen = new Set<string>()
  return keysOf(orders).filter((key) => seen.size === seen.add(key).size)
}

function boughtKeys(entries: readonly JournalEntry[]): string[] {
  return keysOf(entries.map(({ purchase }) => purchase))
}

function keysOf(items: readonly { key: string }[]): string[] {
  return items.map((item) => item.key)
}

function sum<T>(items: readonly T[], number: (item: T) => number): number {
  return items.reduce((total, item) => total + number(item), 0)
}
