import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import type { Pool } from '@pgherd/client'
import type { Herd } from '@pgherd/cluster'
import { beforeAll, describe, expect, test } from 'vitest'
import { until } from '../../../test/scratch-herd.js'
import { removeOldPrices } from '../src/collector/remove-old-prices.js'
import { type Candle, INTERVALS } from '../src/market/read-candles.js'
import { runDashboard } from '../src/run-dashboard.js'
import { scratchCrypto, scratchDashboard } from './scratch-dashboard.js'

const HISTORY_MINUTES = 20

let herd: Herd
let pool: Pool
let url: string

beforeAll(async () => {
  const crypto = await scratchCrypto()
  herd = crypto.herd
  pool = crypto.pool
  const dashboard = await scratchDashboard(crypto, HISTORY_MINUTES)
  url = dashboard.url
  await until('a price of now is stored', async () => {
    const { body } = await get('/api/status')
    return body.collector.storedUntil
  })
  // The pool has just been opened; until it has met the standby, the primary answers.
  await until('the standby answers', async () => (await get('/api/prices')).body.role === 'standby')
}, 120_000)

interface Answer {
  status: number
  type: string
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads of an answer, it asserts
  body: any
}

async function get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return read(await fetch(url + path, { headers }))
}

async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json', ...headers } }
  return read(await fetch(url + path, { ...init, body: JSON.stringify(body) }))
}

async function read(response: Response): Promise<Answer> {
  const type = response.headers.get('content-type') ?? ''
  return { status: response.status, type, body: await response.json() }
}

function nodeOf(role: 'primary' | 'standby'): Promise<string | undefined> {
  return herd.status().then(({ groups }) => groups[0]?.nodes.find((node) => node.role === role)?.name)
}

describe('the market is read from the standby', () => {
  test('prices say which node they are from', async () => {
    const { body } = await get('/api/prices')
    expect(body).toMatchObject({ node: await nodeOf('standby'), role: 'standby' })
    expect(body.prices).toHaveLength(12)
    expect(body.prices[0]).toMatchObject({ coin: 'BTC', name: 'Bitcoin', price: expect.any(Number) })
  })

  test.each(['1m', '5m', '1h'] as const)(
    'candles of %s are what a plain calculation makes of the prices',
    async (interval) => {
      const { rows } = await pool.query<{ ms: string; price: number; volume: number }>({
        text: `select (extract(epoch from at) * 1000)::int8 as ms, price::float8 as price, volume::float8 as volume
             from prices where coin = 'ETH' order by at`,
        consistency: 'primary',
      })
      const width = INTERVALS[interval] * 1000
      const from = Math.floor(Number(rows[0]?.ms) / width) * width
      const expected = new Map<number, Omit<Candle, 'at'>>()
      for (const { ms, price, volume } of rows) {
        const at = Math.floor(Number(ms) / width) * width
        const candle = expected.get(at) ?? {
          open: price,
          high: price,
          low: price,
          close: price,
          volume: 0,
          prices: 0,
        }
        expected.set(at, {
          open: candle.open,
          high: Math.max(candle.high, price),
          low: Math.min(candle.low, price),
          close: price,
          volume: candle.volume + volume,
          prices: candle.prices + 1,
        })
      }
      const { body } = await get(
        `/api/candles?coin=ETH&interval=${interval}&from=${new Date(from).toISOString()}`,
      )
      expect(body).toMatchObject({ coin: 'ETH', interval, role: 'standby', node: await nodeOf('standby') })
      // The last one goes on growing.
      const complete = [...expected].slice(0, interval === '1h' ? 0 : -1)
      for (const [i, [at, candle]] of complete.entries()) {
        const { at: began, volume, ...rest } = body.candles[i]
        const { volume: expectedVolume, ...expectedRest } = candle
        expect(Date.parse(began)).toBe(at)
        expect(rest).toEqual(expectedRest)
        expect(volume).toBeCloseTo(expectedVolume, 2)
      }
      expect(body.candles.length).toBeGreaterThanOrEqual(expected.size)
      expect(body.candles.at(-1).prices).toBeGreaterThan(0)
      if (interval === '1h') expect(body.candles[0].open).toBe(rows[0]?.price)
    },
  )

  test('volume is summed over its window, the most first', async () => {
    const { body } = await get('/api/volume?window=5m')
    const volumes: number[] = body.volume.map(({ volume }: { volume: number }) => volume)
    expect(body).toMatchObject({ window: '5m', role: 'standby' })
    expect(volumes).toEqual([...volumes].sort((a, b) => b - a))
    const { rows } = await pool.query<{ sum: number }>(
      `select sum(volume)::float8 as sum from prices
       where coin = $1 and at > (select max(at) from prices) - interval '1 hour'`,
      [body.volume[0].coin],
    )
    const hour = (await get('/api/volume?window=1h')).body.volume[0].volume
    expect(hour).toBeGreaterThan(2 * body.volume[0].volume)
    expect(Math.abs(hour / (rows[0]?.sum as number) - 1)).toBeLessThan(0.01)
  })
})

describe('the portfolio', () => {
  test('shows a trade to whoever made it, from whichever node (I4)', async () => {
    for (let trade = 1; trade <= 10; trade++) {
      const made = await post('/api/portfolio/trades', { side: 'buy', coin: 'ETH', quantity: '0.1' })
      expect(made).toMatchObject({ status: 201, body: { role: 'primary', node: await nodeOf('primary') } })
      const seen = await get('/api/portfolio', { 'x-session': made.body.session })
      expect(seen.body.trades[0].id).toBe(made.body.trade.id)
      expect(seen.body.holdings[0].quantity).toBeCloseTo(trade * 0.1, 8)
    }
  })

  test('keeps every cent: cash and what was paid are what there was at first', async () => {
    const { body: bought } = await post('/api/portfolio/trades', {
      side: 'buy',
      coin: 'SOL',
      quantity: '3.33333333',
    })
    const { body: sold } = await post('/api/portfolio/trades', {
      side: 'sell',
      coin: 'SOL',
      quantity: '3.33333333',
    })
    const { rows } = await pool.query<{ sum: string; cash: string; held: string }>(`
      select (select sum(case side when 'buy' then -total else total end) + 100000 from trades)::text as sum,
             (select cash from account)::text as cash,
             (select quantity from holdings where coin = 'SOL')::text as held`)
    expect(rows[0]?.cash).toBe(rows[0]?.sum)
    expect(Number(rows[0]?.held)).toBe(0)
    const { body } = await get('/api/portfolio', { 'x-session': sold.session })
    expect(body.holdings.map(({ coin }: { coin: string }) => coin)).not.toContain('SOL')
    expect(bought.trade.total).toBeGreaterThan(0)
  })

  test('makes the same order once, however often it is sent, also at once', async () => {
    const order = { id: randomUUID(), side: 'buy', coin: 'DOT', quantity: '2' }
    const answers = await Promise.all([1, 2, 3, 4].map(() => post('/api/portfolio/trades', order)))
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201])
    expect(new Set(answers.map(({ body }) => body.trade.at)).size).toBe(1)
    const { body } = await get('/api/portfolio', { 'x-session': answers[0]?.body.session })
    expect(body.holdings.find(({ coin }: { coin: string }) => coin === 'DOT').quantity).toBe(2)
    const other = await post('/api/portfolio/trades', { ...order, quantity: '3' })
    expect(other).toMatchObject({ status: 409, body: { type: 'trade-differs' } })
  })

  test.each([
    [
      { side: 'buy', coin: 'BTC', quantity: '1000' },
      409,
      'cash-short',
      /1000 BTC costs \$\d+\.\d\d; there is \$/,
    ],
    [
      { side: 'sell', coin: 'LTC', quantity: '1' },
      409,
      'coins-short',
      /^1 LTC cannot be sold; there is 0\.$/,
    ],
    [{ side: 'buy', coin: 'TRX', quantity: '0.00000001' }, 409, 'trade-too-small', /worth less than a cent/],
    [{ side: 'buy', coin: 'NOPE', quantity: '1' }, 404, 'coin-unknown', /^There is no coin "NOPE"\.$/],
    [{ side: 'hold', coin: 'BTC', quantity: '1' }, 400, 'input-invalid', /^"side" takes one of buy, sell\.$/],
    [{ side: 'buy', coin: 'BTC', quantity: '-1' }, 400, 'input-invalid', /^"quantity" is not written/],
    [{ side: 'buy', coin: 'BTC', quantity: '0.000' }, 400, 'input-invalid', /^"quantity" is not written/],
    [
      { side: 'buy', coin: 'BTC', quantity: 1 },
      400,
      'input-invalid',
      /^"quantity" in the body must be string\.$/,
    ],
    [{ side: 'buy', coin: 'BTC' }, 400, 'input-invalid', /^"quantity" is missing in the body\.$/],
    [
      { side: 'buy', coin: 'BTC', quantity: '1', gift: 1 },
      400,
      'input-invalid',
      /^There is no "gift" in the body/,
    ],
  ])('%j is refused in a sentence', async (order, status, type, detail) => {
    const before = (await get('/api/portfolio')).body.cash
    const answer = await post('/api/portfolio/trades', order)
    expect(answer).toMatchObject({
      status,
      type: 'application/problem+json; charset=utf-8',
      body: { status, type },
    })
    expect(answer.body.detail).toMatch(detail)
    expect((await get('/api/portfolio')).body.cash).toBe(before)
  })
})

describe('what is asked wrongly is refused in a sentence', () => {
  test.each([
    ['/api/candles', 400, /^"coin" is missing in the query\.$/],
    ['/api/candles?coin=BTC&interval=7m', 400, /^"interval" takes one of 1m, 5m, 1h\.$/],
    ['/api/candles?coin=BTC&from=tomorrow', 400, /"from" takes a moment like/],
    ['/api/candles?coin=BTC&from=2026-13-45T00:00:00Z', 400, /"from" takes a moment like/],
    ["/api/candles?coin=BTC'--", 400, /^"coin" is not written/],
    ['/api/candles?coin=NOPE', 404, /^There is no coin "NOPE"\.$/],
    ['/api/volume?window=1y', 400, /^"window" takes one of 5m, 1h, 24h\.$/],
    ['/api/prices?page=2', 400, /^There is no "page" in the query/],
    ['/api/nothing', 404, /^There is no GET \/api\/nothing\.$/],
  ])('%s', async (path, status, detail) => {
    const answer = await get(path)
    expect(answer).toMatchObject({
      status,
      type: 'application/problem+json; charset=utf-8',
      body: { status },
    })
    expect(answer.body.detail).toMatch(detail)
  })

  test('a token that is none, a body that is no JSON or too large', async () => {
    expect(await get('/api/portfolio', { 'x-session': 'zzz' })).toMatchObject({ status: 400 })
    const send = (body: string) =>
      fetch(`${url}/api/portfolio/trades`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
    expect((await send('{')).status).toBe(400)
    expect((await send(JSON.stringify('x'.repeat(20_000)))).status).toBe(413)
  })

  test('pages of other origins and other names of this address are not served', async () => {
    const foreign = await post('/api/replication/probe', {}, { origin: 'https://evil.example' })
    expect(foreign).toMatchObject({ status: 403, body: { type: 'host-refused' } })
    const status = await new Promise((resolve, reject) => {
      const call = request(`${url}/api/prices`, { headers: { host: 'evil.example' } }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      call.on('error', reject).end()
    })
    expect(status).toBe(403)
  })
})

describe('the replication', () => {
  test('is shown as the supervisor knows it', async () => {
    const { body } = await get('/api/replication')
    expect(body).toMatchObject({ node: 'scratch', role: 'supervisor', stalled: null })
    expect(body.nodes.map(({ role }: { role: string }) => role).sort()).toEqual(['primary', 'standby'])
    const standby = body.nodes.find(({ role }: { role: string }) => role === 'standby')
    expect(standby).toMatchObject({
      lagBytes: expect.any(Number),
      lsn: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/),
    })
  })

  test('is seen at work: a row written on the primary appears on the standby', async () => {
    const { status, body } = await post('/api/replication/probe', {})
    expect(status).toBe(200)
    expect(body).toMatchObject({
      node: await nodeOf('standby'),
      role: 'standby',
      writtenOn: await nodeOf('primary'),
      appeared: true,
    })
    expect(body.polls).toBeGreaterThanOrEqual(1)
    expect(body.visibleAfterMs).toBeGreaterThan(0)
    expect(body.visibleAfterMs).toBeLessThan(5000)
  })

  test('a row that the standby does not replay is said not to have appeared', async () => {
    const admin = await nodeOf('standby')
    const standby = new (await import('pg')).default.Client(herd.dsn(admin, 'superuser'))
    await standby.connect()
    try {
      await standby.query('select pg_wal_replay_pause()')
      const { body } = await post('/api/replication/probe', {})
      expect(body).toMatchObject({ appeared: false })
      expect(body.polls).toBeGreaterThan(10)
    } finally {
      await standby.query('select pg_wal_replay_resume()')
      await standby.end()
    }
  })

  test('is streamed with the prices, a frame a second', async () => {
    const closing = new AbortController()
    const response = await fetch(`${url}/api/stream`, { signal: closing.signal })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    let text = ''
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString('utf8')
      if (text.split('\nevent: frame').length > 3) break
    }
    closing.abort()
    const frames = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data as string))
    expect(frames[0]).toMatchObject({
      market: { role: 'standby', node: await nodeOf('standby') },
      replication: { role: 'supervisor' },
      collector: { source: 'a simulated market' },
      troubles: [],
    })
    expect(frames[2].market.rows[0].at > frames[0].market.rows[0].at).toBe(true)
  })
})

test('every route is described, and its page takes nothing from elsewhere', async () => {
  const { body } = await get('/openapi.json')
  expect(body.openapi).toBe('3.1.0')
  expect(Object.keys(body.paths).sort()).toEqual([
    '/api/candles',
    '/api/portfolio',
    '/api/portfolio/trades',
    '/api/prices',
    '/api/replication',
    '/api/replication/probe',
    '/api/status',
    '/api/stream',
    '/api/volume',
  ])
  const docs = await (await fetch(`${url}/docs/`)).text()
  expect(docs).not.toMatch(/(src|href)="(https?:)?\/\//)
})

test('real prices are not mixed with simulated ones', async () => {
  const view = { topology: () => herd.status(), dsnOf: async (node: string) => herd.dsn(node) }
  const options = { pool, herd: view, port: 0, seed: 1, historyMinutes: 0, keepHours: null, log: true }
  const sourceUrl = new URL('http://127.0.0.1:9/')
  await expect(runDashboard({ ...options, sourceUrl, tell: () => {} })).rejects.toMatchObject({
    code: 'USAGE',
    message: 'This herd holds simulated prices; real ones would be mixed with them.',
  })
})

test('old prices go, and no others', async () => {
  const old = new Date(Date.UTC(2020, 0, 1))
  const count = async () =>
    (
      await pool.query<{ count: string }>({
        text: 'select count(*) from prices where at < $1',
        values: [new Date(Date.UTC(2021, 0, 1))],
        consistency: 'primary',
      })
    ).rows[0]?.count
  await pool.query(
    `insert into prices (coin, at, price, volume)
     select 'BTC', $1::timestamptz + make_interval(secs => i), 1, 0 from generate_series(0, 5999) i`,
    [old],
  )
  expect(await removeOldPrices(pool, new Date(old.getTime() + 5_500_000))).toBe(5500)
  expect(await count()).toBe('500')
})
