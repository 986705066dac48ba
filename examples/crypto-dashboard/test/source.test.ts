import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { COINS } from '../src/coins.js'
import { HttpSource } from '../src/source/http-source.js'
import { parseMarkets } from '../src/source/parse-markets.js'
import { SourceError } from '../src/source/price-source.js'
import { SimulatedSource } from '../src/source/simulated-source.js'

const FEW = COINS.filter(({ symbol }) => ['BTC', 'ETH', 'SOL'].includes(symbol))
const NEVER = new AbortController().signal

/** What the public API says of a coin, as far as it matters here. */
function market(id: string, current_price: unknown, total_volume: unknown = 86_400_000): object {
  return {
    id,
    symbol: id.slice(0, 3),
    name: id,
    current_price,
    total_volume,
    last_updated: '2026-11-22T06:00:00Z',
  }
}

const GOOD = [market('bitcoin', 67_000.5), market('ethereum', 3400), market('solana', 150.25, 864)]

describe('what a source says is taken apart', () => {
  test('prices as they are, a second its part of the volume of a day', () => {
    expect(parseMarkets(GOOD, FEW)).toEqual({
      quotes: [
        { coin: 'BTC', price: 67_000.5, volume: 1000 },
        { coin: 'ETH', price: 3400, volume: 1000 },
        { coin: 'SOL', price: 150.25, volume: 0.01 },
      ],
      complaints: [],
    })
  })

  test.each([
    ['a coin that is missing', [GOOD[0], GOOD[1]], 'SOL is missing.'],
    ['a negative price', [...GOOD.slice(0, 2), market('solana', -1)], 'SOL has an impossible price, -1.'],
    ['a price of nothing', [...GOOD.slice(0, 2), market('solana', 0)], 'SOL has an impossible price, 0.'],
    [
      'a price beyond all',
      [...GOOD.slice(0, 2), market('solana', 1e300)],
      'SOL has an impossible price, 1e+300.',
    ],
    ['a price that is text', [...GOOD.slice(0, 2), market('solana', '150')], 'SOL has no price.'],
    ['no price', [...GOOD.slice(0, 2), market('solana', null)], 'SOL has no price.'],
    ['a negative volume', [...GOOD.slice(0, 2), market('solana', 150, -3)], 'SOL has an impossible volume.'],
  ])('%s leaves that coin out and is told; the others count', (_, body, complaint) => {
    const { quotes, complaints } = parseMarkets(body, FEW)
    expect(quotes.map(({ coin }) => coin)).toEqual(['BTC', 'ETH'])
    expect(complaints).toEqual([complaint])
  })

  test.each([[{ error: 'no' }], [null], ['text'], [[]], [[null, 3]]])('%j is no answer', (body) => {
    expect(() => parseMarkets(body, FEW)).toThrow(SourceError)
  })
})

describe('a source over HTTP', () => {
  let server: Server | null = null
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
  })

  async function sourceOf(answer: RequestListener, timeoutMs = 5000): Promise<HttpSource> {
    server = createServer(answer)
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    return new HttpSource({ coins: FEW, baseUrl: new URL(`http://127.0.0.1:${port}/api/v3/`), timeoutMs })
  }

  test('is asked for the coins in dollars', async () => {
    let asked = ''
    const source = await sourceOf((request, response) => {
      asked = request.url ?? ''
      response.end(JSON.stringify(GOOD))
    })
    const { quotes } = await source.read(0, NEVER)
    expect(quotes).toHaveLength(3)
    expect(asked).toBe('/api/v3/coins/markets?vs_currency=usd&ids=bitcoin%2Cethereum%2Csolana&per_page=3')
  })

  test('that is asked too often says for how long it wants to be left alone', async () => {
    const source = await sourceOf((_, response) =>
      response.writeHead(429, { 'retry-after': '7' }).end('slow down'),
    )
    await expect(source.read(0, NEVER)).rejects.toMatchObject({
      message: expect.stringContaining('asked too often (429)'),
      retryAfterMs: 7000,
    })
  })

  test.each<[string, RequestListener, string]>([
    ['refuses', (_, response) => response.writeHead(503).end('{}'), 'refused with status 503'],
    ['answers no JSON', (_, response) => response.end('<html>'), 'is no JSON'],
    ['answers without end', (_, response) => response.end('x'.repeat(1024 * 1025)), 'more than 1 MB'],
    [
      'cuts off',
      (_, response) => response.writeHead(200).write('[', () => response.destroy()),
      'cannot be reached',
    ],
  ])('that %s is told in a sentence', async (_, answer, sentence) => {
    const source = await sourceOf(answer)
    const error = await source.read(0, NEVER).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SourceError)
    expect((error as Error).message).toContain(sentence)
  })

  test('that does not answer is waited for no longer than it may take', async () => {
    const source = await sourceOf(() => {}, 200)
    await expect(source.read(0, NEVER)).rejects.toThrow('gave no answer within 0.2 s')
  })

  test('that is not there is told in a sentence', async () => {
    const source = new HttpSource({ coins: FEW, baseUrl: new URL('http://127.0.0.1:9/') })
    await expect(source.read(0, NEVER)).rejects.toThrow('127.0.0.1:9 cannot be reached')
  })
})

describe('a simulated market', () => {
  test('is the same for the same seed, and another for another', () => {
    const seconds = (seed: number) => {
      const source = new SimulatedSource({ coins: COINS, seed })
      return Array.from({ length: 50 }, () => source.nextSecond())
    }
    expect(seconds(1)).toEqual(seconds(1))
    expect(seconds(1)).not.toEqual(seconds(2))
  })

  test('has only prices and volumes that can be, near where it began, and both calm and wild minutes', () => {
    const source = new SimulatedSource({ coins: COINS, seed: 3 })
    const swings: number[] = []
    for (let minute = 0; minute < 240; minute++) {
      const prices = Array.from({ length: 60 }, () => source.nextSecond()[0]?.price as number)
      swings.push(Math.max(...prices) / Math.min(...prices) - 1)
    }
    const last = source.nextSecond()
    for (const [i, { price, volume }] of last.entries()) {
      const first = COINS[i]?.firstPrice as number
      expect(price).toBeGreaterThan(first * 0.7)
      expect(price).toBeLessThan(first * 1.4)
      expect(volume).toBeGreaterThan(0)
    }
    swings.sort((a, b) => a - b)
    expect(swings[216] as number).toBeGreaterThan(2 * (swings[24] as number))
  })

  test('carries on from the prices there are', () => {
    const source = new SimulatedSource({ coins: FEW, seed: 1, from: new Map([['BTC', 100]]) })
    const price = source.nextSecond()[0]?.price as number
    expect(Math.abs(price - 100)).toBeLessThan(1)
  })
})
