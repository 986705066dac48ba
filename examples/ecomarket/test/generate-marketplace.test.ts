import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { generateMarketplace, PRODUCTS, USERS } from '../src/data/generate-marketplace.js'
import { seededRandom } from '../src/data/random.js'
import { zipfChoice } from '../src/data/weighted-choice.js'

const { users, products } = generateMarketplace(42)

function digest(seed: number): string {
  return createHash('sha256')
    .update(JSON.stringify(generateMarketplace(seed)))
    .digest('hex')
}

describe('the generated marketplace', () => {
  test('the same seed gives the same bytes, another seed others', () => {
    expect(digest(42)).toBe(digest(42))
    expect(digest(42)).not.toBe(digest(43))
  })

  test('it has 10,000 users and 1,000 products', () => {
    expect([users.length, products.length]).toEqual([USERS, PRODUCTS])
    expect([USERS, PRODUCTS]).toEqual([10_000, 1000])
  })

  test('no two users share an e-mail address, and each is one', () => {
    expect(new Set(users.map((user) => user.email)).size).toBe(USERS)
    for (const { email } of users) expect(email).toMatch(/^[a-z]+\.[a-z]+\d*@[a-z.]+\.(example|org|net)$/)
  })

  test('users joined in the order of their ids, and more of them lately', () => {
    const joined = users.map((user) => Date.parse(user.createdAt))
    expect(joined).toEqual(joined.toSorted((a, b) => a - b))
    const middle = ((joined[0] as number) + (joined.at(-1) as number)) / 2
    expect(joined.filter((at) => at > middle).length / USERS).toBeGreaterThan(0.7)
  })

  test('no two products share a title, every price is positive and every stock is not negative', () => {
    expect(new Set(products.map((product) => product.title)).size).toBe(PRODUCTS)
    for (const { priceCents, stock, category } of products) {
      expect(priceCents).toBeGreaterThan(0)
      expect(priceCents).toBeLessThan(100_000)
      expect(stock).toBeGreaterThanOrEqual(0)
      expect(Number.isInteger(priceCents) && Number.isInteger(stock)).toBe(true)
      expect(category).toMatch(/^[a-z]+(-[a-z]+)*$/)
    }
  })

  test('popularity ranks are 1 to 1,000, each once', () => {
    const ranks = products.map((product) => product.popularityRank).toSorted((a, b) => a - b)
    expect(ranks).toEqual(Array.from({ length: PRODUCTS }, (_, index) => index + 1))
  })
})

test('a tenth of what is sold draws over half of the buyers', () => {
  const random = seededRandom(7)
  const choose = zipfChoice(1000, 0.8)
  const draws = Array.from({ length: 20_000 }, () => choose(random))
  expect(Math.min(...draws)).toBe(0)
  expect(Math.max(...draws)).toBeLessThan(1000)
  const share = draws.filter((index) => index < 100).length / draws.length
  expect(share).toBeGreaterThan(0.5)
  expect(share).toBeLessThan(0.65)
})
