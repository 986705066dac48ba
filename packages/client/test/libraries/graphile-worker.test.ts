import { EventEmitter, once } from 'node:events'
import type { Herd } from '@pgherd/cluster'
import {
  Logger,
  makeWorkerUtils,
  parseCronItems,
  type Runner,
  type RunnerOptions,
  run,
  runMigrations,
  type TaskList,
  type WorkerEvents,
} from 'graphile-worker'
import { afterEach, beforeAll, expect, test } from 'vitest'
import type { Pool } from '../../src/index.js'
import { nodesOfHerd, PATIENCE_MS, scratchHerd, scratchPool, until } from '../scratch-herd.js'
import { killPrimary } from './kill-primary.js'

let herd: Herd
let nodes: string[]
const runners: Runner[] = []
const logger = new Logger(() => () => {})

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
  await runMigrations({ pgPool: poolForWorkers(), logger })
}, 2 * PATIENCE_MS)

// Before the pools are ended: what is registered last runs first.
afterEach(async () => {
  for (const runner of runners.splice(0)) await runner.stop()
})

function poolForWorkers(options = {}): Pool {
  const pool = scratchPool({ nodes, lazyClients: true, ...options })
  // It warns of a pool that nobody listens to.
  pool.on('error', () => {})
  pool.on('connect', () => {})
  return pool
}

/** Resolves when it listens. */
async function start(pool: Pool, taskList: TaskList, options: RunnerOptions = {}): Promise<Runner> {
  const events: WorkerEvents = new EventEmitter()
  const listening = once(events, 'pool:listen:success')
  const runner = await run({
    pgPool: pool,
    taskList,
    logger,
    events,
    noHandleSignals: true,
    crontab: '',
    pollInterval: 200,
    ...options,
  })
  runners.push(runner)
  await listening
  return runner
}

test('is woken by a notification and runs the job at once', async () => {
  const done: unknown[] = []
  const taskList: TaskList = { mail: async (payload) => void done.push(payload) }
  // So long that nothing but a notification can be what wakes it.
  const pollInterval = 10 * PATIENCE_MS
  const runner = await start(poolForWorkers(), taskList, { pollInterval, concurrency: 3 })
  for (let n = 1; n <= 5; n++) await runner.addJob('mail', { n })
  await until('all are done', () => done.length === 5)
  expect(done).toEqual(expect.arrayContaining([1, 2, 3, 4, 5].map((n) => ({ n }))))
})

test('a job is added with what it belongs to, in one transaction or not at all', async () => {
  const pool = poolForWorkers()
  const done: unknown[] = []
  await start(pool, { order: async (payload) => void done.push(payload) })
  await pool.query('create table if not exists orders (n int primary key)')
  const addOrder = (n: number): Promise<void> =>
    pool.transaction(async (tx) => {
      await tx.query('insert into orders values ($1)', [n])
      await tx.query(`select graphile_worker.add_job('order', json_build_object('n', $1::int))`, [n])
      if (n === 2) throw new Error('changed my mind')
    })
  await addOrder(1)
  await expect(addOrder(2)).rejects.toThrow('changed my mind')
  await addOrder(3)
  await until('both are done', () => done.length === 2)
  expect(done).toEqual(expect.arrayContaining([{ n: 1 }, { n: 3 }]))
  expect((await pool.query('select n from orders order by n')).rows).toEqual([{ n: 1 }, { n: 3 }])
})

test('tries again what fails, and a task may use the pool', async () => {
  const pool = poolForWorkers()
  const tries: number[] = []
  await start(pool, {
    flaky: async (_payload, { job, withPgClient, query }) => {
      tries.push(job.attempts)
      const { rows } = await withPgClient((client) => client.query('select 2 as wanted'))
      expect((await query('select 1 as one')).rows).toEqual([{ one: 1 }])
      if (job.attempts < rows[0].wanted) throw new Error('not today')
    },
  })
  const utils = await makeWorkerUtils({ pgPool: pool, logger })
  const { id } = await utils.addJob('flaky', {}, { maxAttempts: 3 })
  const failed = await until('it has failed once', async () => {
    const { rows } = await pool.query(
      'select last_error from graphile_worker.jobs where id = $1 and attempts = 1 and last_error is not null',
      [id],
    )
    return rows[0]
  })
  expect(failed.last_error).toBe('not today')
  await utils.rescheduleJobs([id], { runAt: new Date() })
  await until(
    'it is done',
    async () => (await pool.query('select 1 from graphile_worker.jobs where id = $1', [id])).rowCount === 0,
  )
  expect(tries).toEqual([1, 2])
  await until('a standby answers', async () => {
    await pool.query('select 1 from graphile_worker.jobs where id = $1', [id])
    return pool.statistics.statements.standby.lane > 0
  })
  await utils.release()
})

test('runs what a crontab says was missed', async () => {
  const done: unknown[] = []
  const pool = poolForWorkers()
  const { rowCount } =
    await pool.query(`insert into graphile_worker._private_known_crontabs (identifier, known_since, last_execution)
    values ('every-minute', now() - interval '1 day', now() - interval '3 minutes')`)
  expect(rowCount).toBe(1)
  const options = { backfillPeriod: 150_000 }
  const parsedCronItems = parseCronItems([
    { task: 'tick', match: '* * * * *', identifier: 'every-minute', options },
  ])
  await start(pool, { tick: async (payload) => void done.push(payload) }, { parsedCronItems })
  await until('it has caught up', () => done.length >= 2)
  expect(done[0]).toMatchObject({ _cron: { backfilled: true } })
})

test('loses no job in a failover, and listens again after it', { timeout: 2 * PATIENCE_MS }, async () => {
  const pool = poolForWorkers({ failoverWaitMs: PATIENCE_MS })
  const done: number[] = []
  let finishSlow = (): void => {}
  const slow = new Promise<void>((resolve) => {
    finishSlow = resolve
  })
  const taskList: TaskList = {
    slow: () => slow,
    order: async (payload) => void done.push((payload as { n: number }).n),
  }
  const runner = await start(pool, taskList, { concurrency: 2 })
  await runner.addJob('slow', {})
  for (let n = 0; n < 10; n++) await runner.addJob('order', { n })
  const jobs = async (): Promise<number> =>
    (
      await pool.query(
        'select count(*)::int as count from graphile_worker.jobs where task_identifier in ($1, $2)',
        ['slow', 'order'],
      )
    ).rows[0].count
  await until('only the slow one is left', async () => (await jobs()) === 1)
  const listening = new Promise((resolve) => runner.events.once('pool:listen:success', resolve))
  const gone = new Promise((resolve) => pool.once('node-out', resolve))
  await killPrimary(herd)
  await gone
  finishSlow()
  for (let n = 10; n < 30; n++) await runner.addJob('order', { n })
  await until('all are done, the slow one too', async () => (await jobs()) === 0)
  expect(done.sort((one, other) => one - other)).toEqual(Array.from({ length: 30 }, (_, n) => n))
  await listening
  expect(pool.statistics.failovers).toBe(1)
})
