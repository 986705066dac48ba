import { makeShardMap, type ShardMap, stretchesOf } from '@pgherd/core/sharding'
import type pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
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
import { ShardedProxy } from './sharded-proxy.js'

const there = ShardedProxy.before(() => scratchHerd(ACCOUNT_HERD))

beforeAll(async () => makeAccounts(await there.through()))

async function writer(): Promise<Transfer> {
  const client = await there.through()
  return async (steps) => {
    await client.query('begin')
    try {
      for (const [id, change] of steps) await changeBalance(client, id, change)
      await client.query('commit')
    } catch (error) {
      await client.query('rollback')
      throw error
    }
  }
}

async function changeBalance(client: pg.Client, id: number, change: number): Promise<void> {
  const text = 'update accounts set balance = balance + $2 where id = $1'
  if ((await client.query(text, [id, change])).rowCount !== 1)
    throw Object.assign(new Error(`account ${id} has another number just now`), { code: RENUMBERED })
}

/** Gives accounts other numbers, and their own again, so that they move from shard to shard. */
function startRenumbering(): { stop(): Promise<number> } {
  let going = true
  let moved = 0
  const running = (async () => {
    const client = await there.through()
    const renumber = async (from: string, to: string): Promise<number> => {
      const text = `update accounts set id = ${to} where id = ${from}`
      return client.query(text).then(
        ({ rowCount }) => rowCount ?? 0,
        () => 0,
      )
    }
    for (let id = 0; going; id = (id + 1) % ACCOUNTS) {
      const other = `${id} + ${ELSEWHERE}`
      moved += await renumber(`${id}`, other)
      while (going && (await renumber(other, `${id}`)) === 0)
        if ((await renumber(`${id}`, `${id}`)) === 1) break
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()
  return {
    stop: async () => {
      going = false
      await running
      return moved
    },
  }
}

const RENUMBERED = 'renumbered'
const ELSEWHERE = 1000

/** What a transfer may fail of: a part was lost, or waited too long for what another had prepared. */
const LOSSES = [RENUMBERED, '08006', '08007', '40001', '55P03', '57P01']

async function whileTransferring(work: () => Promise<void>): Promise<Transferred> {
  const writers = startTransfers(writer)
  const renumbering = startRenumbering()
  try {
    await work()
  } finally {
    console.log(`${await renumbering.stop()} accounts were given another number`)
    await writers.stop()
  }
  return writers.stop()
}

test('I1, I10: whichever shard is killed under load, all of a transaction takes effect or nothing', {
  timeout: 240_000,
}, async () => {
  const { done, failed } = await whileTransferring(async () => {
    for (const shard of ['s1', 's2']) {
      await new Promise((resolve) => setTimeout(resolve, 1000))
      const killed = there.herd.primaryOf(shard)?.name as string
      await there.herd.disturb(killed, 'kill')
      await until(
        'another is primary',
        () => ![killed, undefined].includes(there.herd.primaryOf(shard)?.name),
      )
      await there.herd.whenWhole(PATIENCE_MS)
    }
    await new Promise((resolve) => setTimeout(resolve, 1000))
  })
  console.log(`${done} transactions, failed: ${JSON.stringify(failed)}`)
  expect(done).toBeGreaterThan(50)
  for (const code of Object.keys(failed)) expect(LOSSES).toContain(code)
  expect(await total(there.herd)).toBe(ACCOUNTS * START)
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
      there.herd.changePlacement({ map: nextMap(there.herd.placement()?.map as ShardMap) }).then(
        () => true,
        () => false,
      ),
    )
    await new Promise((resolve) => setTimeout(resolve, 500))
  })
  console.log(`${done} transactions, failed: ${JSON.stringify(failed)}`)
  for (const code of Object.keys(failed)) expect(LOSSES).toContain(code)
  expect(await total(there.herd)).toBe(ACCOUNTS * START)
  const client = await there.through()
  expect((await client.query('update accounts set balance = balance where id = 3')).rowCount).toBe(1)
})

test('clients that go away in the middle of a transaction leave nothing of it', {
  timeout: 120_000,
}, async () => {
  for (let round = 0; round < 40; round++) {
    const client = await there.through()
    await client.query('begin')
    void client.query('update accounts set balance = balance + 1 where id = 1').catch(() => {})
    void client.query('update accounts set balance = balance + 1 where id = 2').catch(() => {})
    if (round % 2 === 0) void client.query('update accounts set balance = balance + 1').catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, round % 10))
    ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
  }
  expect(await total(there.herd)).toBe(ACCOUNTS * START)
  const client = await there.through()
  await client.query(`set lock_timeout = '5s'`)
  expect((await client.query('update accounts set balance = balance')).rowCount).toBe(ACCOUNTS)
  await until('only those who are there have connections', () =>
    there.proxy.facts.servers.every(({ state }) => state === 'idle' || state === 'open'),
  )
})
