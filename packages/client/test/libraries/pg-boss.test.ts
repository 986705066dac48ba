import type { Herd } from '@pgherd/cluster'
import PgBoss from 'pg-boss'
import { afterEach, beforeAll, expect, test } from 'vitest'
import type { Pool } from '../../src/index.js'
import { nodesOfHerd, PATIENCE_MS, scratchHerd, scratchPool, until } from '../scratch-herd.js'
import { killPrimary } from './kill-primary.js'

let herd: Herd
let nodes: string[]
const bosses: PgBoss[] = []

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
}, 2 * PATIENCE_MS)

async function bossOn(
  pool: Pool,
  options: PgBoss.ConstructorOptions = {},
): Promise<{ boss: PgBoss; errors: Error[] }> {
  const errors: Error[] = []
  const boss = new PgBoss({ db: { executeSql: (text, values) => pool.query(text, values) }, ...options })
  boss.on('error', (error) => errors.push(error))
  bosses.push(boss)
  await boss.start()
  return { boss, errors }
}

// Before the pools are ended: what is registered last runs first.
afterEach(async () => {
  for (const boss of bosses.splice(0)) await boss.stop({ graceful: false })
})

test('makes its schema, sends, works, and keeps the answers', async () => {
  const pool = scratchPool({ nodes })
  const { boss, errors } = await bossOn(pool)
  await boss.createQueue('mail')
  const got: object[] = []
  await boss.work('mail', { pollingIntervalSeconds: 0.5, batchSize: 10 }, async (jobs) => {
    for (const { data } of jobs) got.push(data as object)
    return 'sent'
  })
  const id = await boss.send('mail', { to: 'somebody' })
  await boss.insert([1, 2].map((n) => ({ name: 'mail', data: { to: n } })))
  await until('three are done', () => got.length === 3)
  expect(got).toEqual(expect.arrayContaining([{ to: 'somebody' }, { to: 1 }, { to: 2 }]))
  const job = await until('it is completed', async () => {
    const job = await boss.getJobById('mail', id as string)
    return job?.state === 'completed' ? job : null
  })
  expect(job.completedOn).toBeInstanceOf(Date)
  expect(errors).toEqual([])
  await until('a standby answers', async () => {
    await boss.getJobById('mail', id as string)
    return pool.statistics.statements.standby.lane > 0
  })
})

test('retries what fails, and gives up into a dead letter', async () => {
  const { boss, errors } = await bossOn(scratchPool({ nodes }))
  await boss.createQueue('dead')
  await boss.createQueue('flaky', { name: 'flaky', retryLimit: 2, retryDelay: 0, deadLetter: 'dead' })
  let tries = 0
  await boss.work('flaky', { pollingIntervalSeconds: 0.5 }, async () => {
    tries++
    throw new Error('not today')
  })
  const id = (await boss.send('flaky', { n: 1 })) as string
  const dead = await until('it is dead', async () => (await boss.fetch('dead'))[0])
  expect([tries, dead.data]).toEqual([3, { n: 1 }])
  expect(await boss.getJobById('flaky', id)).toMatchObject({
    state: 'failed',
    output: { message: 'not today' },
  })
  expect(errors).toEqual([])
})

test('keeps schedules and delays, and singletons', async () => {
  const { boss, errors } = await bossOn(scratchPool({ nodes }), {
    cronMonitorIntervalSeconds: 1,
    cronWorkerIntervalSeconds: 1,
  })
  await boss.createQueue('hourly')
  // Half an hour from now, whenever that is.
  const cron = `${(new Date().getUTCMinutes() + 30) % 60} * * * *`
  await boss.schedule('hourly', cron, { of: 'clock' }, { tz: 'UTC' })
  expect(await boss.getSchedules()).toMatchObject([{ name: 'hourly', cron, timezone: 'UTC' }])
  await boss.createQueue('minutely')
  await boss.schedule('minutely', '* * * * *', { of: 'cron' })
  const [job] = await until('cron has sent it', async () => {
    const jobs = await boss.fetch('minutely')
    return jobs.length > 0 ? jobs : null
  })
  expect(job?.data).toEqual({ of: 'cron' })
  await boss.sendAfter('hourly', { n: 1 }, {}, 3600)
  expect(await boss.fetch('hourly')).toEqual([])
  expect(await boss.getQueueSize('hourly')).toBe(1)
  const sent = await Promise.all(
    [1, 2, 3].map((n) => boss.send('minutely', { n }, { singletonKey: 'one', singletonSeconds: 60 })),
  )
  expect(sent.filter((id) => id !== null)).toHaveLength(1)
  expect(errors).toEqual([])
})

test('loses no job in a failover', { timeout: 2 * PATIENCE_MS }, async () => {
  const pool = scratchPool({ nodes, failoverWaitMs: PATIENCE_MS })
  const { boss } = await bossOn(pool)
  await boss.createQueue('orders', { name: 'orders', retryLimit: 3, retryDelay: 0 })
  const done = new Set<number>()
  await boss.work<{ n: number }>('orders', { pollingIntervalSeconds: 0.5, batchSize: 5 }, async (jobs) => {
    for (const { data } of jobs) done.add(data.n)
  })
  const sent: number[] = []
  const refused: unknown[] = []
  const send = async (n: number): Promise<void> => {
    await boss.send('orders', { n }).then(
      () => sent.push(n),
      (error) => refused.push(error),
    )
  }
  for (let n = 0; n < 10; n++) await send(n)
  await killPrimary(herd)
  for (let n = 10; n < 30; n++) await send(n)
  expect(refused.length).toBeLessThanOrEqual(1)
  expect(sent.length).toBeGreaterThanOrEqual(29)
  await until('all that were sent are done', () => sent.every((n) => done.has(n)))
  expect(pool.statistics.failovers).toBe(1)
})
