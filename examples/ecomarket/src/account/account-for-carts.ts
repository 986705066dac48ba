import { applyChanges, type CartChange, EMPTY_CART, isSameCart } from '../carts/cart.js'
import type { CartEntry } from '../carts/cart-journal.js'
import type { CartAccount } from './account.js'
import type { Carts, Ledger } from './ledger.js'

/** Change by change, by their keys, and cart by cart. An order empties the cart of its buyer. */
export function accountForCarts(
  journal: readonly CartEntry[],
  buyers: ReadonlySet<number>,
  before: Carts,
  { cartChanges, carts }: Pick<Ledger, 'cartChanges' | 'carts'>,
): CartAccount {
  const found = new Set(cartChanges.map(({ key }) => key))
  const made = new Set(journal.map(({ change }) => change.key))
  const foundOf = groupByUser(cartChanges)
  const promised = journal.filter((entry) => entry.told === 'promised')
  const tookEffect = journal.filter((entry) => entry.tookEffect).length

  // What nobody was told may be there or not.
  const due = journal.filter(({ told, change }) => told !== null || found.has(change.key))
  const changesOf = groupByUser(due.map(({ change }) => change))
  const users = [...changesOf.keys()]
  const keysOf = (userId: number): string[] => (foundOf.get(userId) ?? []).map(({ key }) => key)
  const dueOf = (userId: number): CartChange[] => changesOf.get(userId) ?? []
  return {
    saved: journal.filter((entry) => entry.told === 'saved').length,
    promised: promised.length,
    longestPromiseMs: Math.max(0, ...promised.map((entry) => entry.savedAfterMs ?? 0)),
    lost: due.map(({ change }) => change.key).filter((key) => !found.has(key)),
    unexpected: cartChanges.map(({ key }) => key).filter((key) => !made.has(key)),
    outOfOrder: users.filter(
      (id) =>
        !isSameList(
          keysOf(id),
          dueOf(id).map(({ key }) => key),
        ),
    ),
    differing: users
      .filter((id) => !buyers.has(id))
      .filter((id) => {
        const expected = applyChanges(before.get(id) ?? EMPTY_CART, dueOf(id))
        return !isSameCart(carts.get(id) ?? EMPTY_CART, expected)
      }),
    unknown: {
      tookEffect,
      didNot: journal.reduce((sum, entry) => sum + entry.unknownTries, 0) - tookEffect,
    },
  }
}

function groupByUser<T extends { userId: number }>(items: readonly T[]): Map<number, T[]> {
  const groups = new Map<number, T[]>()
  for (const item of items) {
    const group = groups.get(item.userId)
    if (group === undefined) groups.set(item.userId, [item])
    else group.push(item)
  }
  return groups
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, at) => item === b[at])
}
