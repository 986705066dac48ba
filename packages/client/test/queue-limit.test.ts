import type { Herd } from '@pgherd/cluster'
import { beforeAll, expect, test } from 'vitest'
import { failureOf } from './failure-of.js'
import { connect, nodesOfHerd, scratchHerd, scratchPool, unhurried, until } from './scratch-herd.js'

let herd: Herd
let nodes: string[]

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
  await (await connect(herd.dsn('main-1'))).query('create table notes (note text not null)')
}, 120_000)

test('who finds maxWaiting others waiting for a connection is told QUEUE_FULL at once; the others are served', async () => {
  const pool = scratchPool({ nodes, max: 1, maxWaiting: 3 })
  const client = await pool.connect()
  const waiting = [
    pool.query("insert into notes values ('waited')"),
    pool.transaction((tx) => tx.query("insert into notes values ('waited')")),
    pool.connect().then((lent) => lent.release()),
  ]
  await until('three wait', () => pool.waitingCount === 3)
  // They hear of it while the one connection there is stays lent.
  const errors = await Promise.all([
    failureOf(pool.query("insert into notes values ('never')")),
    failureOf(pool.transaction((tx) => tx.query("insert into notes values ('never')"))),
    failureOf(pool.connect()),
  ])
  for (const error of errors)
    expect(error).toMatchObject({
      code: 'QUEUE_FULL',
      retryable: true,
      message: '3 callers wait already, and `maxWaiting` is 3.',
      hint: expect.stringContaining('maxWaiting'),
    })
  // Reads share lanes and wait for nobody.
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  client.release()
  await Promise.all(waiting)
  const { rows } = await pool.query('select note, count(*)::int as n from notes group by note')
  expect(rows).toEqual([{ note: 'waited', n: 2 }])
})

test('who waits for a primary is told NO_PRIMARY after failoverWaitMs, and how each node is', async () => {
  const standbys = nodes.slice(1)
  const policies = { patient: { failoverWaitMs: 3000 } }
  const pool = scratchPool(unhurried({ nodes: standbys, failoverWaitMs: 1500, maxWaiting: 4, policies }))
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  const startedMs = performance.now()
  let told = 0
  const after = async (act: Promise<unknown>): Promise<{ error: Error; ms: number; turn: number }> => ({
    error: await failureOf(act),
    ms: performance.now() - startedMs,
    turn: ++told,
  })
  const patient = after(pool.with('patient').query("insert into notes values ('never')"))
  const all = [
    after(pool.query("insert into notes values ('never')")),
    after(pool.connect()),
    after(pool.transaction((tx) => tx.query('select 1'))),
  ]
  await until('they wait', () => pool.waitingCount === 4)
  expect(await failureOf(pool.query("insert into notes values ('never')"))).toMatchObject({
    code: 'QUEUE_FULL',
  })
  for (const { error, ms } of await Promise.all(all)) {
    expect(error).toMatchObject({ code: 'NO_PRIMARY', retryable: true })
    expect(error.message).toMatch(
      /^No primary is known \(127\.0\.0\.1:\d+ is a standby; 127\.0\.0\.1:\d+ is a standby\)\.$/,
    )
    expect(ms).toBeGreaterThan(1450)
  }
  const last = await patient
  expect(last.error).toMatchObject({ code: 'NO_PRIMARY' })
  expect(last.ms).toBeGreaterThan(2950)
  expect(last.turn).toBe(4)
  expect(pool.waitingCount).toBe(0)
})
