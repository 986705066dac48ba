import type { Herd } from '@pgherd/cluster'
import { makeShardMap, type ShardMap, stretchesOf } from '@pgherd/core/sharding'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PATIENCE_MS, scratchHerd, until } from '../../../../test/scratch-herd.js'
import {
  ACCOUNT_HERD,
  ACCOUNTS,
  makeAccounts,
  START,
  startTransfers,
  type Transfer,
  type Transferred,
  total,
} from '../../../../test/transfers.js'
import { WireProxy } from '../../src/index.js'

let herd: Herd
let proxy: WireProxy
const clients: pg.Client[] = []

beforeAll(async () => {
  herd = await scratchHerd(ACCOUNT_HERD)
  const home = herd.primaryOf('home')?.name as string
  proxy = await WireProxy.start({ nodes: [herd.dsn(home, 'superuser')], port: 0 })
  await makeAccounts(await through())
}, 180_000)

afterAll(async () => {
  await Promise.all(clients.map((client) => client.end().catch(() => {})))
  await proxy?.close()
})

async function through(): Promise<pg.Client> {
  const url = new URL(herd.dsn(herd.primaryOf('home')?.name as string, 'application'))
  url.port = String(proxy.address.port)
  const client = new pg.Client(url.href)
  client.on('error', () => {})
  clients.push(client)
  await client.connect()
  return client
}

async function writer(): Promise<Transfer> {
  const client = await through()
  return async (steps) => {
    await client.query('begin')
    try {
      for (const [id, change] of steps)
        await client.query('update accounts set balance = balance + $2 where id = $1', [id, change])
      await client.query('commit')
    } catch (error) {
      await client.query('rollback')
      throw error
    }
  }
}

/** What a transfer may fail of: a part was lost, or waited too long for what another had prepared. */
const LOSSES = ['08006', '08007', '40001', '55P03', '57P01']

async function whileTransferring(work: () => Promise<void>): Promise<Transferred> {
  const writers = startTransfers(writer)
  try {
    await work()
  } catch (error) {
    await writers.stop()
    throw error
  }
  return writers.stop()
}

test('I1, I10: whichever shard is killed under load, all of a transaction takes effect or nothing', {
  timeout: 240_000,
}, async () => {
  const { done, failed } = await whileTransferring(async () => {
    for (const shard of ['s1', 's2']) {
      await new Promise((resolve) => setTimeout(resolve, 1000))
      const killed = herd.primaryOf(shard)?.name as string
      await herd.disturb(killed, 'kill')
      await until('another is primary', () => ![killed, undefined].includes(herd.primaryOf(shard)?.name))
      await herd.whenWhole(PATIENCE_MS)
    }
    await new Promise((resolve) => setTimeout(resolve, 1000))
  })
  console.log(`${done} transactions, failed: ${JSON.stringify(failed)}`)
  expect(done).toBeGreaterThan(50)
  for (const code of Object.keys(failed)) expect(LOSSES).toContain(code)
  expect(await total(herd)).toBe(ACCOUNTS * START)
})

/** The same, under the next epoch. */
function nextMap(map: ShardMap): ShardMap {
  const stretches = stretchesOf(map).map(({ from, owner }) => ({ from, owner }))
  return makeShardMap({ epoch: map.epoch + 1, line: map.line, shards: map.shards, stretches })
}

test('I3, I8: transfers go on through a change of the map', { timeout: 120_000 }, async () => {
  const { done, failed } = await whileTransferring(async () => {
    await new Promise((resolve) => setTimeout(resolve, 300))
    // What a change finds prepared has to be ended first, as it was decided.
    await until('the map is another one', () =>
      herd.changePlacement({ map: nextMap(herd.placement()?.map as ShardMap) }).then(
        () => true,
        () => false,
      ),
    )
    await new Promise((resolve) => setTimeout(resolve, 500))
  })
  console.log(`${done} transactions, failed: ${JSON.stringify(failed)}`)
  for (const code of Object.keys(failed)) expect(LOSSES).toContain(code)
  expect(await total(herd)).toBe(ACCOUNTS * START)
  const client = await through()
  expect((await client.query('update accounts set balance = balance where id = 3')).rowCount).toBe(1)
})

test('clients that go away in the middle of a transaction leave nothing of it', {
  timeout: 120_000,
}, async () => {
  for (let round = 0; round < 40; round++) {
    const client = await through()
    await client.query('begin')
    void client.query('update accounts set balance = balance + 1 where id = 1').catch(() => {})
    void client.query('update accounts set balance = balance + 1 where id = 2').catch(() => {})
    if (round % 2 === 0) void client.query('update accounts set balance = balance + 1').catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, round % 10))
    ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
  }
  expect(await total(herd)).toBe(ACCOUNTS * START)
  const client = await through()
  await client.query(`set lock_timeout = '5s'`)
  expect((await client.query('update accounts set balance = balance')).rowCount).toBe(ACCOUNTS)
  await until('only those who are there have connections', () =>
    proxy.facts.servers.every(({ state }) => state === 'idle' || state === 'open'),
  )
})
