import type { Herd } from '@pgherd/cluster'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { nodesOfHerd, scratchHerd, until } from '../../../test/scratch-herd.js'
import { WireProxy } from '../src/index.js'
import { bind, execute, parse, query, RawClient, sync } from './raw-client.js'

const DEPTH = 4
const ROUNDS = 20
/** Takes long enough that others come meanwhile. */
const SLOW = 'select count(*) from generate_series(1, 50000)'

let herd: Herd
let proxy: WireProxy
let url: string
let clients: RawClient[] = []

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
  const [node] = await nodesOfHerd(herd)
  proxy = await WireProxy.start({
    nodes: await nodesOfHerd(herd, 'superuser'),
    port: 0,
    lanes: { depth: DEPTH, max: 2, patienceMs: 10_000 },
  })
  const through = new URL(node as string)
  through.port = String(proxy.address.port)
  url = through.href
}, 120_000)

afterEach(() => {
  for (const client of clients.splice(0)) client.end()
})

afterAll(() => proxy.close())

const preparedOnLanes = (): number[] =>
  proxy.facts.servers.filter(({ kind }) => kind === 'lane').map(({ prepared }) => prepared)

test('what one lane has room for goes to that lane together, also when there are more', async () => {
  clients = await Promise.all(Array.from({ length: 2 * DEPTH }, () => RawClient.open(url)))
  await until('there are two lanes', async () => {
    await Promise.all(clients.map((client) => client.ask(query(SLOW))))
    return preparedOnLanes().length === 2
  })
  const before = preparedOnLanes()
  const few = clients.slice(0, DEPTH)
  for (let round = 0; round < ROUNDS; round++)
    await Promise.all(
      few.map((client, at) => {
        const name = `s${round}_${at}`
        return client.ask(parse(name, `select ${round} as c${round}_${at}`), bind(name), execute(), sync)
      }),
    )
  const more = preparedOnLanes().map((count, at) => count - (before[at] as number))
  expect(more).toEqual([ROUNDS * DEPTH, 0])
})
