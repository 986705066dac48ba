import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { applyChanges, type CartChange, EMPTY_CART } from '../src/carts/cart.js'
import { CartJournal } from '../src/carts/cart-journal.js'
import { Carts } from '../src/carts/carts.js'
import { keepOldPromises } from '../src/carts/keep-old-promises.js'
import { PromiseFile } from '../src/carts/promise-file.js'
import { saveChange } from '../src/carts/save-change.js'
import { openScratchShop, type ScratchShop } from './scratch-shop.js'

let shop: ScratchShop
let promises: PromiseFile

beforeAll(async () => {
  shop = await openScratchShop('ecomarket-carts')
  promises = await PromiseFile.open(join(shop.folder, 'promises'))
}, 60_000)

afterEach(async () => {
  await shop?.closeCut()
})

afterAll(async () => {
  await promises?.close()
  await shop?.close()
})

function changeOf(userId: number, productId: number, quantity: number): CartChange {
  return { key: randomUUID(), userId, productId, quantity }
}

async function storedCart(userId: number): Promise<[number, number][]> {
  const { rows } = await shop.client.query(
    'select product_id, quantity from cart_items where user_id = $1 order by product_id',
    [userId],
  )
  return rows.map((row) => [row.product_id, row.quantity])
}

describe('a cart', () => {
  test('is what its changes make of it, for the one who reads and in the database', async () => {
    const carts = new Carts(shop.pool, new CartJournal(), promises)
    const changes = [
      changeOf(1, 5, 98),
      changeOf(1, 6, 2),
      changeOf(1, 5, 3),
      changeOf(1, 6, 0),
      changeOf(1, 7, 1),
    ]
    for (const change of changes) {
      const told = await carts.change(change)
      // On a busy machine it may have to be promised first.
      if (told.kind === 'promised') await told.kept
    }
    expect(await storedCart(1)).toEqual([
      [5, 99],
      [7, 1],
    ])
    expect((await carts.read(1)).cart).toEqual(applyChanges(EMPTY_CART, changes))
  })

  test('changes made at once are saved in the order they were made', async () => {
    const carts = new Carts(shop.pool, new CartJournal(), promises)
    const changes = Array.from({ length: 50 }, (_, at) => changeOf(2, 9, at % 3))
    await Promise.all(changes.map((change) => carts.change(change)))
    await carts.close(10_000)
    const { rows } = await shop.client.query('select key from cart_changes where user_id = 2 order by id')
    expect(rows.map((row) => row.key)).toEqual(changes.map(({ key }) => key))
    expect(new Map(await storedCart(2))).toEqual(applyChanges(EMPTY_CART, changes))
  })
})

test('what an ended process promised is saved by the next: in order, and not what it had saved', async () => {
  const [saved, first, second] = [changeOf(5, 5, 1), changeOf(5, 6, 2), changeOf(5, 6, 0)]
  const path = join(shop.folder, 'promises-left')
  {
    await using file = await PromiseFile.open(path)
    for (const change of [saved, first, second]) await file.add(change)
    await saveChange(shop.pool, saved)
  }
  {
    await using file = await PromiseFile.open(path)
    expect(await keepOldPromises(shop.pool, file)).toBe(3)
  }
  expect(await storedCart(5)).toEqual([[5, 1]])
  const { rows } = await shop.client.query('select key from cart_changes where user_id = 5 order by id')
  expect(rows.map((row) => row.key)).toEqual([saved, first, second].map(({ key }) => key))
  await using file = await PromiseFile.open(path)
  expect(file.left).toEqual([])
})

describe('I3: when the connection is cut', () => {
  test.each([
    {
      when: 'after',
      what: 'after a change arrived, its key is found and nothing is done twice',
      tookEffect: true,
    },
    { when: 'before', what: 'before a change arrived, it is sent again', tookEffect: false },
  ] as const)('$what', async ({ when, tookEffect }) => {
    const userId = tookEffect ? 3 : 4
    const cut = { following: 'insert into cart_changes', statement: 'insert into cart_changes', when }
    const journal = new CartJournal()
    const carts = new Carts(await shop.poolCut(cut), journal, promises)
    await carts.change(changeOf(userId, 5, 2))
    await carts.close(10_000)
    expect(journal.entries).toMatchObject([{ unknownTries: 1, tookEffect }])
    expect(await storedCart(userId)).toEqual([[5, 2]])
  })
})
