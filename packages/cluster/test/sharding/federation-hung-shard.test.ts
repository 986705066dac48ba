import type pg from 'pg'
import { expect, onTestFailed, test } from 'vitest'
import { connect, scratchHerd, until } from '../../../../test/scratch-herd.js'

/** What docs/sharding.md promises, and as much again for a machine that is shared. */
const MOST_MS = 10_000

test('reads of a shard that hangs end within seconds, others go on, and all do once it goes on', {
  timeout: 120_000,
}, async () => {
  const herd = await scratchHerd(`
groups: [{ name: home, nodes: 1 }, { name: s, count: 2, nodes: 1 }]
sharding: { strategy: modulo, groups: [s1, s2], tables: { users: { key: id } } }
`)
  const { database } = herd.spec
  const client = (group: string, name = database): Promise<pg.Client> => {
    const url = new URL(herd.dsn(herd.primaryOf(group)?.name as string, 'application'))
    url.pathname = `/${name}`
    return connect(url.href)
  }
  for (const shard of ['s1', 's2']) await (await client(shard)).query('create table users (id bigint)')
  const home = await client('home')
  await home.query('create table settings (name text)')
  const { rows } = await home.query('select pgherd.note_schema_change() as noted')
  await until('the federation has the table', async () => {
    const { rowCount } = await home.query('select from pgherd.schema_change where done >= $1', [
      rows[0].noted,
    ])
    return rowCount === 1
  })
  const readers = await Promise.all(Array.from({ length: 4 }, () => client('home', `${database}_herd`)))
  const [all, one, fresh, other] = readers as [pg.Client, pg.Client, pg.Client, pg.Client]
  const count = 'select count(*)::int as n from users'
  const ofHome = 'select count(*)::int as n from settings'
  for (const reader of [all, one, other]) await reader.query(count)
  await other.query(ofHome)

  await herd.disturb('s1-1', 'pause')
  onTestFailed(() => herd.disturb('s1-1', 'resume'))
  const pausedAt = performance.now()
  const failed = (reader: pg.Client, text: string) =>
    reader.query(text).then(
      () => 'answered',
      (error: pg.DatabaseError) =>
        `${error.code} after ${performance.now() - pausedAt < MOST_MS ? 'seconds' : 'long'}`,
    )
  const ends = [failed(all, count), failed(one, 'select from users where id = 1'), failed(fresh, count)]
  expect((await other.query(ofHome)).rows).toEqual([{ n: 0 }])
  expect(await Promise.all(ends)).toEqual(Array(3).fill('57P01 after seconds'))
  console.log(`ended after ${Math.round(performance.now() - pausedAt)} ms`)
  expect((await other.query(ofHome)).rows).toEqual([{ n: 0 }])
  const told = await until('it is told', () =>
    herd.events.recent().find(({ kind }) => kind === 'readers-cut-off'),
  )
  expect(told.message).toMatch(/^\d reads? over shards ended, since s1 does not answer\.$/)

  await herd.disturb('s1-1', 'resume')
  const again = await client('home', `${database}_herd`)
  expect((await again.query(count)).rows).toEqual([{ n: 0 }])
})
