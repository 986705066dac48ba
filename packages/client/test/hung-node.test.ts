import { setTimeout as sleep } from 'node:timers/promises'
import type { Herd } from '@pgherd/cluster'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { GroupEvent, Pool, PoolOptions } from '../src/index.js'
import { failureOf } from './failure-of.js'
import { connect, nodesOfHerd, PATIENCE_MS, scratchHerd, scratchPool, until } from './scratch-herd.js'

const PROBE = { intervalMs: 100, timeoutMs: 500 }
/** Beyond the probe's: two slow cores may be shared with others. */
const SLACK_MS = 10_000

function watchedPool(options: PoolOptions): { pool: Pool; events: GroupEvent[] } {
  const pool = scratchPool({ probe: PROBE, ...options })
  const events: GroupEvent[] = []
  for (const kind of ['lag', 'node-out', 'node-back', 'failover'] as const)
    pool.on(kind, (event) => events.push(event))
  return { pool, events }
}

interface Reading {
  readonly errors: unknown[]
  longestMs: number
  answers: number
  /** Resolves when every caller has been answered what it asks from now on. */
  nextOfAll(): Promise<void>
  stop(): Promise<void>
}

/** Reads on and on, by eight callers. */
function readOn(pool: Pool): Reading {
  let stopped = false
  const turns = new Array(8).fill(0)
  const nextOfAll = async (): Promise<void> => {
    const before = [...turns]
    await until('everybody is answered', () => turns.every((turn, at) => turn > before[at] + 1))
  }
  const reading: Reading = { errors: [], longestMs: 0, answers: 0, nextOfAll, stop: async () => {} }
  const read = async (at: number): Promise<void> => {
    while (!stopped) {
      const startedMs = performance.now()
      await pool.query('select count(*) from notes').catch((error) => reading.errors.push(error))
      reading.longestMs = Math.max(reading.longestMs, performance.now() - startedMs)
      reading.answers++
      turns[at]++
      await sleep(1)
    }
  }
  const all = turns.map((_, at) => read(at))
  reading.stop = async () => {
    stopped = true
    await Promise.all(all)
  }
  return reading
}

describe('of a herd of three', () => {
  let herd: Herd
  let nodes: string[]
  let addresses: Record<string, string>

  beforeAll(async () => {
    herd = await scratchHerd()
    nodes = await nodesOfHerd(herd)
    addresses = Object.fromEntries(nodes.map((node, at) => [`main-${at + 1}`, new URL(node).host]))
    await (await connect(herd.dsn('main-1'))).query('create table notes (note text not null)')
  }, 120_000)

  beforeEach(async () => {
    await herd.whenWhole(PATIENCE_MS)
    await (await connect(herd.dsn(herd.primaryOf()?.name))).query('truncate notes')
  })

  test('a standby that hangs holds reads up for as long as a probe, and is used again when it goes on', async () => {
    const { pool, events } = watchedPool({ nodes })
    const reading = readOn(pool)
    await until('reads go', () => reading.answers > 100)
    const standby = ['main-1', 'main-2', 'main-3'].find((name) => name !== herd.primaryOf()?.name) as string
    await herd.disturb(standby, 'pause')
    try {
      const told = await until('it is left out', () =>
        events.find(({ kind, node }) => kind === 'node-out' && node === addresses[standby]),
      )
      expect(told.message).toMatch(/is left out: no answer within 500 ms\.$/)
      const { answers } = reading
      await until('reads go on', () => reading.answers > answers + 100)
      await reading.nextOfAll()
    } finally {
      await herd.disturb(standby, 'resume')
    }
    await until('it is back', () =>
      events.some(({ kind, node }) => kind === 'node-back' && node === addresses[standby]),
    )
    await reading.stop()
    expect(reading.errors).toEqual([])
    expect(reading.longestMs).toBeLessThan(PROBE.intervalMs + PROBE.timeoutMs + SLACK_MS)
  })

  test('with both standbys hung the primary answers reads; writes wait, and go on with the standbys', async () => {
    const { pool } = watchedPool({ nodes, lanes: { patienceMs: PATIENCE_MS } })
    await pool.query('select count(*) from notes')
    const statesOf = (names: string[]): unknown[] =>
      names.map((name) => pool.topology.nodes[addresses[name] as string]?.state)
    const standbys = ['main-1', 'main-2', 'main-3'].filter((name) => name !== herd.primaryOf()?.name)
    for (const name of standbys) await herd.disturb(name, 'pause')
    let answered = false
    const writing = pool.query("insert into notes values ('waits')").then(() => {
      answered = true
    })
    try {
      await until('both are left out', () => statesOf(standbys).every((state) => state === 'out'))
      const before = pool.statistics.statements
      const { rows } = await pool.query('select 1 as one, note from notes')
      expect(rows).toEqual([])
      expect(pool.statistics.statements.primary.lane).toBe(before.primary.lane + 1)
      expect(answered).toBe(false)
    } finally {
      for (const name of standbys) await herd.disturb(name, 'resume')
    }
    await writing
    expect((await pool.query('select note from notes')).rows).toEqual([{ note: 'waits' }])
    await until('both are back', () => statesOf(standbys).every((state) => state === 'in'))
  })

  test('I3: a primary that hangs is followed by another; what it had under way is unknown or done once', {
    timeout: 120_000,
  }, async () => {
    const { pool, events } = watchedPool({ nodes })
    await pool.query("insert into notes values ('before')")
    const hung = herd.primaryOf()?.name as string
    await herd.disturb(hung, 'pause')
    const reading = readOn(pool)
    // On a busy machine it may have been found out before anything is sent.
    const isTrusted = pool.topology.nodes[addresses[hung] as string]?.state === 'in'
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, (_, at) =>
        pool.query('insert into notes values ($1)', [`note ${at}`]).then(
          () => 'written',
          (error) => error.code,
        ),
      ),
    )
    await until('a failover is seen', () => events.some(({ kind }) => kind === 'failover'))
    await reading.stop()
    expect(reading.errors).toEqual([])
    // One had the connection that was there already; the others were still connecting.
    expect(outcomes.filter((outcome) => outcome !== 'written' && outcome !== 'OUTCOME_UNKNOWN')).toEqual([])
    expect(outcomes.filter((outcome) => outcome === 'OUTCOME_UNKNOWN')).toHaveLength(isTrusted ? 1 : 0)
    const { rows } = await pool.query('select note, count(*)::int as times from notes group by note')
    const times = new Map(rows.map((row) => [row.note, row.times]))
    expect(times.get('before')).toBe(1)
    for (const [at, outcome] of outcomes.entries()) {
      if (outcome === 'written') expect(times.get(`note ${at}`)).toBe(1)
      else expect(times.get(`note ${at}`) ?? 0).toBeLessThanOrEqual(1)
    }
  })
})

describe('of a herd of one', () => {
  let herd: Herd
  let nodes: string[]

  beforeAll(async () => {
    herd = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
    nodes = await nodesOfHerd(herd)
    await (await connect(herd.dsn('main-1'))).query('create table notes (note text not null)')
  }, 120_000)

  beforeEach(async () => {
    await (await connect(herd.dsn('main-1'))).query('truncate notes')
  })

  test('I3: a write that is under way when the node hangs is answered, once, when it goes on in time', async () => {
    const { pool, events } = watchedPool({ nodes })
    await pool.query("insert into notes values ('before')")
    await herd.disturb('main-1', 'pause')
    const write = pool.query("insert into notes values ('during')")
    const read = pool.query('select count(*)::int as n from notes')
    try {
      await until('it is left out', () => events.some(({ kind }) => kind === 'node-out'))
    } finally {
      await herd.disturb('main-1', 'resume')
    }
    expect((await write).rowCount).toBe(1)
    expect([1, 2]).toContain((await read).rows[0].n)
    expect((await pool.query('select note from notes order by note')).rows).toEqual([
      { note: 'before' },
      { note: 'during' },
    ])
    expect(pool.statistics.unknown).toBe(0)
    expect(events.map(({ kind }) => kind).slice(0, 2)).toEqual(['node-out', 'node-back'])
  })

  test('I3: after failoverWaitMs its outcome is unknown, and what waits for a node is told so', async () => {
    const { pool } = watchedPool({ nodes, failoverWaitMs: 1500 })
    await pool.query("insert into notes values ('before')")
    await herd.disturb('main-1', 'pause')
    try {
      const startedMs = performance.now()
      const write = failureOf(pool.query("insert into notes values ('during')"))
      const late = failureOf(
        until('it is left out', () => Object.values(pool.topology.nodes)[0]?.state === 'out').then(() =>
          pool.query("insert into notes values ('late')"),
        ),
      )
      const read = failureOf(pool.query('select count(*)::int as n from notes'))
      expect(await write).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
      expect(await late).toMatchObject({ code: 'NO_PRIMARY' })
      expect(await read).toMatchObject({ code: 'NO_PRIMARY' })
      expect((await late).message).toMatch(/^No primary is known \(.+ is left out: .+\)\.$/)
      expect(performance.now() - startedMs).toBeLessThan(2 * 1500 + 2 * PROBE.timeoutMs + SLACK_MS)
    } finally {
      await herd.disturb('main-1', 'resume')
    }
    await until('it is back', () => Object.values(pool.topology.nodes)[0]?.state === 'in')
    await pool.query("insert into notes values ('after')")
    const { rows } = await pool.query('select note from notes order by note')
    const notes = rows.map(({ note }) => note)
    expect(notes.filter((note) => note !== 'during')).toEqual(['after', 'before'])
    expect(notes.length).toBeLessThanOrEqual(3)
  })
})
