import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodesOfHerd, scratchHerd, until } from '../../../test/scratch-herd.js'
import { WireProxy } from '../src/index.js'
import { query, RawClient } from './raw-client.js'

let herd: Herd
let proxy: WireProxy
let url: string

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
  proxy = await WireProxy.start({
    nodes: await nodesOfHerd(herd, 'superuser'),
    port: 0,
    maxServers: 2,
    lanes: { max: 1 },
  })
  const direct = new URL((await nodesOfHerd(herd))[0] as string)
  direct.port = String(proxy.address.port)
  url = direct.href
}, 120_000)

afterAll(() => proxy.close())

/** When each answer was made, by the server's clock in its first column, in microseconds. */
type Moments = number[]

/** Asks one thing after the other. */
async function askInTurn(client: pg.Client, text: string): Promise<Moments> {
  const moments: Moments = []
  for (let at = 0; at < 20; at++) moments.push(Number((await client.query(text)).rows[0].at))
  return moments
}

/** A client that has sent far more than can be answered, and reads what comes. */
async function sendMany(text: string, count: number): Promise<{ heard: Moments; end(): void }> {
  const raw = await RawClient.open(url)
  const greedy = { heard: [] as Moments, end: () => raw.end() }
  raw.send(...Array.from({ length: count }, () => query(text)))
  void (async () => {
    while (greedy.heard.length < count) {
      const row = (await raw.hear('Z')).find((message) => message[0] === 'D'.charCodeAt(0))
      if (raw.closed) return
      if (row === undefined) throw new Error('an answer without a row')
      const length = row.readInt32BE(7)
      greedy.heard.push(Number(row.toString('latin1', 11, 11 + length)))
    }
  })()
  await until('it is being answered', () => greedy.heard.length > 10)
  return greedy
}

// The server says when it answered: what the greedy client has read by then depends on who gets the processor.
const AT = '(extract(epoch from now()) * 1000000)::int8 as at'

test.each([
  ['on a shared connection', `select ${AT}`],
  ['on connections of their own', `select ${AT}, txid_current()`],
])('who sends thousands ahead gets no more turns than others, %s', async (_, text) => {
  const polite = new pg.Client(url)
  await polite.connect()
  const greedy = await sendMany(text, 20_000)
  try {
    const asked = await askInTurn(polite, text)
    const [first, last] = [asked[0] as number, asked.at(-1) as number]
    await until('what was answered meanwhile has come', () => (greedy.heard.at(-1) as number) > last)
    const between = greedy.heard.filter((at) => at > first && at < last).length
    // Turn by turn it would be 19, and some more that were under way already; without turns, all 20,000.
    expect(between).toBeGreaterThan(0)
    expect(between).toBeLessThan(500)
    expect(greedy.heard.length).toBeLessThan(20_000)
  } finally {
    greedy.end()
    await polite.end()
  }
})
