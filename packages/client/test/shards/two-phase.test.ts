import type { Herd } from '@pgherd/cluster'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, PATIENCE_MS, scratchHerd, until } from '../../../../test/scratch-herd.js'
import { createPool, type Pool } from '../../src/index.js'

const ACCOUNTS = 40
const START = 1000
const WRITERS = 4
const SHARDS = ['s1', 's2']

let herd: Herd
let pool: Pool

beforeAll(async () => {
  herd = await scratchHerd(`
groups:
  - { name: home, nodes: 1 }
  - { name: s, count: 2, nodes: 2 }
sharding:
  groups: [s1, s2]
  tables: { accounts: { key: id } }
`)
  pool = createPool({ nodes: [dsnOf('home')] })
  await pool.query('create table accounts (id int primary key, balance int not null)')
  const places = Array.from({ length: ACCOUNTS }, (_, id) => `(${id}, ${START})`)
  await pool.query(`insert into accounts values ${places.join(', ')}`)
}, 180_000)

afterAll(() => pool.end())

function dsnOf(group: string, role: 'application' | 'superuser' = 'application'): string {
  return herd.dsn(herd.primaryOf(group)?.name as string, role)
}

/** Of all accounts, when nothing is prepared any more. */
async function total(): Promise<number> {
  const shards = await Promise.all(SHARDS.map((shard) => connect(dsnOf(shard))))
  const sumOf = async (text: string): Promise<number> => {
    const answers = await Promise.all(shards.map((shard) => shard.query<{ n: string }>(text)))
    return answers.reduce((sum, { rows }) => sum + Number(rows[0]?.n), 0)
  }
  await until(
    'nothing is left prepared',
    async () => (await sumOf('select count(*) as n from pg_prepared_xacts')) === 0,
  )
  return sumOf('select coalesce(sum(balance), 0) as n from accounts')
}

/** Moves money between random accounts until told to stop. */
function startWriters(): { stop(): Promise<{ done: number; failed: Record<string, number> }> } {
  let going = true
  let done = 0
  const failed: Record<string, number> = {}
  const random = (below: number): number => Math.floor(Math.random() * below)
  const writers = Array.from({ length: WRITERS }, async () => {
    while (going) {
      const from = random(ACCOUNTS)
      const to = (from + 1 + random(ACCOUNTS - 1)) % ACCOUNTS
      try {
        await pool.transaction(async (tx) => {
          // In one order, so that two of them do not wait for each other.
          const steps = [[from, -1] as const, [to, 1] as const].sort(([a], [b]) => a - b)
          for (const [id, change] of steps)
            await tx.query('update accounts set balance = balance + $2 where id = $1', [id, change])
        })
        done++
      } catch (error) {
        const { code = 'none' } = error as { code?: string }
        failed[code] = (failed[code] ?? 0) + 1
      }
    }
  })
  return {
    stop: async () => {
      going = false
      await Promise.all(writers)
      return { done, failed }
    },
  }
}

test('I1, I10: whichever shard is killed under load, all of a transaction takes effect or nothing', {
  timeout: 240_000,
}, async () => {
  const writers = startWriters()
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
  expect(await total()).toBe(ACCOUNTS * START)
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
  expect(await total()).toBe(ACCOUNTS * START)
  // The decision that was not made never will be.
  await expect(
    first?.query('insert into pgherd.decision (id, committed) values ($1, true)', [ended[1]]),
  ).rejects.toMatchObject({ code: '23505' })
  expect(home).toBeDefined()
})
