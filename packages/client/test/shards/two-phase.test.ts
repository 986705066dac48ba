import type { Herd } from '@pgherd/cluster'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, PATIENCE_MS, scratchHerd, until } from '../../../../test/scratch-herd.js'
import {
  ACCOUNT_HERD,
  ACCOUNTS,
  makeAccounts,
  START,
  startTransfers,
  total,
} from '../../../../test/transfers.js'
import { createPool, type Pool } from '../../src/index.js'

let herd: Herd
let pool: Pool

beforeAll(async () => {
  herd = await scratchHerd(ACCOUNT_HERD)
  pool = createPool({ nodes: [dsnOf('home')] })
  await makeAccounts(pool)
}, 180_000)

afterAll(() => pool.end())

function dsnOf(group: string, role: 'application' | 'superuser' = 'application'): string {
  return herd.dsn(herd.primaryOf(group)?.name as string, role)
}

async function transfer(steps: readonly (readonly [number, number])[]): Promise<void> {
  await pool.transaction(async (tx) => {
    for (const [id, change] of steps)
      await tx.query('update accounts set balance = balance + $2 where id = $1', [id, change])
  })
}

test('I1, I10: whichever shard is killed under load, all of a transaction takes effect or nothing', {
  timeout: 240_000,
}, async () => {
  const writers = startTransfers(async () => transfer)
  for (const shard of ['s1', 's2', 's1']) {
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const killed = herd.primaryOf(shard)?.name as string
    await herd.disturb(killed, 'kill')
    await until('another is primary', () => ![killed, undefined].includes(herd.primaryOf(shard)?.name))
    await herd.whenWhole(PATIENCE_MS)
  }
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const { done, failed } = await writers.stop()
  console.log(`${done} transactions, failed: ${JSON.stringify(failed)}`)
  expect(done).toBeGreaterThan(50)
  expect(await total(herd)).toBe(ACCOUNTS * START)
})

test('I10: what a client leaves prepared is ended as it was decided, or undone', async () => {
  const [home, first, second] = await Promise.all(['home', 's1', 's2'].map((group) => connect(dsnOf(group))))
  const own = async (client: pg.Client): Promise<number> =>
    (await client.query('select min(id) as id from accounts')).rows[0].id
  const ids = [await own(first as pg.Client), await own(second as pg.Client)]
  const ended = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222']
  for (const [at, id] of ended.entries()) {
    await second?.query('begin')
    await second?.query('update accounts set balance = balance + $2 where id = $1', [
      ids[1],
      at === 0 ? 100 : 7,
    ])
    await second?.query(`prepare transaction 'pgherd:s1:${id}'`)
    if (at > 0) continue
    await first?.query('begin')
    await first?.query('update accounts set balance = balance - 100 where id = $1', [ids[0]])
    await first?.query('insert into pgherd.decision (id, committed) values ($1, true)', [id])
    await first?.query('commit')
    // Two of them would wait for one another's row.
    await until(
      'the first is ended',
      async () => (await second?.query('select from pg_prepared_xacts'))?.rowCount === 0,
    )
  }
  expect(await total(herd)).toBe(ACCOUNTS * START)
  // The decision that was not made never will be.
  await expect(
    first?.query('insert into pgherd.decision (id, committed) values ($1, true)', [ended[1]]),
  ).rejects.toMatchObject({ code: '23505' })
  expect(home).toBeDefined()
})
