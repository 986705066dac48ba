import type pg from 'pg'
import { expect, test } from 'vitest'
import { ask, connect, wholeHerd } from './scratch-herds.js'

const TIMEOUT = { timeout: 240_000 }
const SHARDED = `
groups: [{ name: s, count: 2, nodes: 1 }]
sharding: { strategy: modulo, groups: [s1, s2], home: s1 }
`
const BEGIN_MS = Date.UTC(2025, 0, 1)

interface Id {
  readonly atMs: number
  readonly group: number
  readonly count: number
}

/** 41 bits of milliseconds, 10 of the group, 12 of a count. */
function partsOf(id: bigint): Id {
  return { atMs: Number(id >> 22n) + BEGIN_MS, group: Number((id >> 12n) & 1023n), count: Number(id & 4095n) }
}

async function draw(client: pg.Client, count: number): Promise<bigint[]> {
  const { rows } = await client.query({
    text: 'select pgherd.next_id() from generate_series(1, $1)',
    values: [count],
    rowMode: 'array',
  })
  return (rows as unknown as [string][]).map(([id]) => BigInt(id))
}

test(
  'ids are unique over groups and callers, rise in each group, and tell when they were made',
  TIMEOUT,
  async () => {
    const { herd } = await wholeHerd(SHARDED)
    const callers = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => ({
        group: index % 2,
        client: await connect(herd.dsn(index % 2 === 0 ? 's1-1' : 's2-1')),
      })),
    )
    const from = Date.now()
    const drawn = await Promise.all(
      callers.map(async ({ client, group }) => {
        const ids: bigint[] = []
        // Some one by one, as statements of an application draw them, and most in large bites.
        for (let round = 0; round < 10; round++) {
          for (let single = 0; single < 100; single++) ids.push(...(await draw(client, 1)))
          ids.push(...(await draw(client, 4900)))
        }
        return { group, ids }
      }),
    )
    const to = Date.now()
    console.log(`400,000 ids by 8 callers over 2 groups in ${to - from} ms`)
    expect(new Set(drawn.flatMap(({ ids }) => ids)).size).toBe(8 * 50_000)
    for (const { group, ids } of drawn) {
      expect(ids.every((id, index) => index === 0 || id > (ids[index - 1] as bigint))).toBe(true)
      for (const id of [ids[0], ids.at(-1)] as bigint[]) {
        expect(partsOf(id).group).toBe(group)
        expect(partsOf(id).atMs).toBeGreaterThan(from - 10)
        expect(partsOf(id).atMs).toBeLessThan(to + 10)
      }
    }
    const single = callers[0]?.client as pg.Client
    const began = performance.now()
    await single.query('select count(pgherd.next_id()) from generate_series(1, 100000)')
    console.log(`100,000 ids by one caller in ${Math.round(performance.now() - began)} ms`)
  },
)

test(
  'an open transaction, one undone and a statement cut off keep nobody from drawing',
  TIMEOUT,
  async () => {
    const { herd } = await wholeHerd(SHARDED)
    const [open, other] = [await connect(herd.dsn('s1-1')), await connect(herd.dsn('s1-1'))]
    await open.query('begin')
    const first = (await draw(open, 1))[0] as bigint
    const second = (await draw(other, 1))[0] as bigint
    expect(second).toBeGreaterThan(first)
    await open.query('rollback')
    await open.query('begin; savepoint s')
    const undone = (await draw(open, 1))[0] as bigint
    await open.query('rollback to s; commit')
    expect((await draw(open, 1))[0]).toBeGreaterThan(undone)
    for (let round = 0; round < 20; round++) {
      await open.query(`set statement_timeout = ${1 + round}`)
      await open.query('select count(pgherd.next_id()) from generate_series(1, 1000000)').catch(() => {})
      expect(await draw(other, 10)).toHaveLength(10)
    }
  },
)

test('ids go on rising while the clock is behind what was counted', TIMEOUT, async () => {
  const { herd } = await wholeHerd(SHARDED)
  const app = await connect(herd.dsn('s1-1'))
  const before = (await draw(app, 1))[0] as bigint
  // As after a clock that went back by a minute: what was counted is a minute ahead.
  await ask(herd, 's1-1', `select setval('pgherd.id_counter', ${((before >> 22n) + 60_000n) << 12n})`)
  const after = await draw(app, 10_000)
  expect(new Set(after).size).toBe(10_000)
  expect(after.every((id, index) => id > (after[index - 1] ?? before))).toBe(true)
  expect(partsOf(after.at(-1) as bigint).atMs).toBeGreaterThan(Date.now() + 50_000)
  await expect(app.query(`select setval('pgherd.id_counter', 1)`)).rejects.toThrow(/permission denied/)
})

test('ids are a default that the application may use, and a standby gives none', TIMEOUT, async () => {
  const { herd } = await wholeHerd(SHARDED.replace('nodes: 1', 'nodes: 2'))
  const app = await connect(herd.dsn('s1-1'))
  await app.query('create table note (id bigint primary key default pgherd.next_id(), body text)')
  const { rows } = await app.query<{ id: string }>(`insert into note (body) values ('a'), ('b') returning id`)
  expect(new Set(rows.map(({ id }) => id)).size).toBe(2)
  const standby = await connect(herd.dsn('s1-2'))
  await expect(standby.query('select pgherd.next_id()')).rejects.toThrow(/read-only transaction/)
})
