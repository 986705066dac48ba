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

/** Asks one thing after the other; resolves to how many answers of the greedy client came meanwhile. */
async function answersBeside(polite: pg.Client, text: string, greedy: { heard: number }): Promise<number> {
  const before = greedy.heard
  for (let at = 0; at < 20; at++) await polite.query(text)
  return greedy.heard - before
}

/** A client that has sent far more than can be answered, and reads what comes. */
async function sendMany(text: string, count: number): Promise<{ heard: number; end(): void }> {
  const raw = await RawClient.open(url)
  const greedy = { heard: 0, end: () => raw.end() }
  raw.send(...Array.from({ length: count }, () => query(text)))
  void (async () => {
    while (greedy.heard < count) {
      await raw.hear('Z')
      if (raw.closed) return
      greedy.heard++
    }
  })()
  await until('it is being answered', () => greedy.heard > 10)
  return greedy
}

test.each([
  ['on a shared connection', 'select 1 as one'],
  ['on connections of their own', 'select txid_current()'],
])('who sends thousands ahead gets no more turns than others, %s', async (_, text) => {
  const polite = new pg.Client(url)
  await polite.connect()
  const greedy = await sendMany(text, 20_000)
  // Turn by turn it would be 20; what is under way when one begins to wait is one more each.
  expect(await answersBeside(polite, text, greedy)).toBeLessThan(200)
  expect(greedy.heard).toBeLessThan(20_000)
  greedy.end()
  await polite.end()
})
