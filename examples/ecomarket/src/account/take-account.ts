import type { JournalEntry, PurchaseOutcome } from '../buying/order-journal.js'
import type { Account } from './account.js'
import type { FoundOrder, Ledger, ProductBalance } from './ledger.js'

/**
 * Compares what buyers were told with what the database holds. Neither side is trusted to be right:
 * whatever one has and the other denies is listed, and then the account does not balance.
 */
export function takeAccount(journal: readonly JournalEntry[], ledger: Ledger): Account {
  const foundByKey = new Map(ledger.orders.map((order) => [order.key, order]))
  const entryByKey = new Map(journal.map((entry) => [entry.key, entry]))
  const isFound = ({ key }: JournalEntry): boolean => foundByKey.has(key)
  const told = (outcome: PurchaseOutcome): JournalEntry[] =>
    journal.filter((entry) => entry.outcome === outcome)
  const unknown = told('unknown')

  const account = {
    acknowledged: told('acknowledged').length,
    found: ledger.orders.length,
    lost: keysOf(told('acknowledged').filter((entry) => !isFound(entry))),
    duplicates: [...repeatedKeys(ledger.orders), ...keysOf(told('contradicted'))],
    unexpected: keysOf(ledger.orders.filter(({ key }) => !mayBeThere(entryByKey.get(key)))),
    altered: keysOf(ledger.orders.filter((order) => isAltered(order, entryByKey.get(order.key)))),
    unknown: {
      tookEffect: keysOf(unknown.filter(isFound)),
      didNot: keysOf(unknown.filter((entry) => !isFound(entry))),
    },
    refused: told('refused').length,
    givenUp: told('given-up').length,
    repeatedTries: journal.reduce((sum, entry) => sum + Math.max(0, entry.tries - 1), 0),
    withoutEvents: keysOf(ledger.orders.filter((order) => !hasItsEvents(order))),
    stock: takeStock(ledger.products),
  }
  return { balanced: isBalanced(account), ...account }
}

function isBalanced(account: Omit<Account, 'balanced'>): boolean {
  const { lost, duplicates, unexpected, altered, withoutEvents, stock } = account
  const wrong = [lost, duplicates, unexpected, altered, withoutEvents, stock.mismatched, stock.belowZero]
  return wrong.every((list) => list.length === 0)
}

function takeStock(products: readonly ProductBalance[]): Account['stock'] {
  return {
    products: products.length,
    unitsSold: products.reduce((sum, product) => sum + product.ordered, 0),
    mismatched: products.filter(({ received, stock, ordered }) => received !== stock + ordered),
    belowZero: products.filter((product) => product.stock < 0).map((product) => product.id),
  }
}

const MAY_BE_THERE: ReadonlySet<PurchaseOutcome> = new Set(['acknowledged', 'unknown', 'contradicted'])

function mayBeThere(entry: JournalEntry | undefined): boolean {
  return entry !== undefined && MAY_BE_THERE.has(entry.outcome)
}

function isAltered(order: FoundOrder, entry: JournalEntry | undefined): boolean {
  return entry !== undefined && entry.units !== order.units
}

function hasItsEvents({ status, events }: FoundOrder): boolean {
  const placed = events.filter((event) => event === 'placed').length
  return events[0] === 'placed' && placed === 1 && events.at(-1) === status
}

function repeatedKeys(orders: readonly FoundOrder[]): string[] {
  const seen = new Set<string>()
  return keysOf(orders).filter((key) => seen.size === seen.add(key).size)
}

function keysOf(items: readonly { key: string }[]): string[] {
  return items.map((item) => item.key)
}
