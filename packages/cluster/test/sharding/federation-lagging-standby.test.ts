import { expect, test } from 'vitest'
import { connect, scratchHerd, until } from '../../../../test/scratch-herd.js'

test('the federation follows changes of the schema while a standby that was away catches up', async () => {
  const herd = await scratchHerd(`
groups: [{ name: home, nodes: 1 }, { name: s, count: 2, nodes: 2, durability: fast }]
sharding: { groups: [s1, s2], tables: { users: { key: id }, orders: { key: user_id } } }`)
  const dsn = (node: string): string => herd.dsn(node, 'superuser')
  const primary = herd.primaryOf('s1')?.name as string
  const standby = primary === 's1-1' ? 's1-2' : 's1-1'
  const lagging = await connect(dsn(standby))
  await lagging.query(`alter system set recovery_min_apply_delay = '1h'`)
  const stateOf = async (): Promise<string | undefined> => {
    const { groups } = await herd.status()
    return groups.flatMap(({ nodes }) => nodes).find(({ name }) => name === standby)?.state
  }
  await herd.disturb(standby, 'kill')
  await until('the standby is gone', async () => (await stateOf()) !== 'running')
  await until('it is back', async () => (await stateOf()) === 'running')
  for (const shard of ['s1', 's2']) {
    const client = await connect(dsn(herd.primaryOf(shard)?.name as string))
    await client.query('create table users (id bigint primary key, name text)')
    await client.query('grant all on users to app')
  }
  const home = await connect(dsn(herd.primaryOf('home')?.name as string))
  await home.query('select pgherd.note_schema_change()')
  const there = new URL(dsn(herd.primaryOf('home')?.name as string))
  there.pathname = `/${herd.spec.database}_herd`
  const found = await until('the federation has the table', async () => {
    const client = await connect(there.href)
    return client.query('select count(*)::int as n from users').then(
      ({ rows }) => rows,
      () => null,
    )
  })
  expect(found).toEqual([{ n: 0 }])
  // That shows what was there before, for an hour.
  const late = await connect(dsn(standby))
  expect((await late.query(`select to_regclass('users') as there`)).rows).toEqual([{ there: null }])
})
