import { consistentHashMap } from '@pgherd/core/sharding'
import { expect, test } from 'vitest'
import { scratchHerd, until } from '../../../../test/scratch-herd.js'
import { syncFederation } from '../../src/index.js'
import { connectTo, groupsOf, syncOptions } from './federated-herd.js'

test('a failover of a shard needs no change of the federation', async () => {
  const herd = await scratchHerd('groups: [{ name: home, nodes: 1 }, { name: s1, nodes: 2 }]')
  const { home } = await groupsOf(herd)
  const app = await connectTo(herd, { name: 's1', nodes: [] }, herd.spec.database, 'app')
  await app.query(`create table users (id bigint primary key, name text); insert into users values (5, 'n5')`)
  const tables = { 'public.users': { kind: 'sharded', key: ['id'] } } as const
  await syncFederation(await syncOptions(herd, tables, consistentHashMap(['s1'])))
  const reader = await connectTo(herd, home, `${herd.spec.database}_herd`, 'app')
  const five = async () => (await reader.query('select name from users where id = 5')).rows
  expect(await five()).toEqual([{ name: 'n5' }])
  await herd.failover('s1')
  // The session whose connection was lost says so once at most, as with any connection that is lost.
  expect(await until('the new primary answers', () => five().catch(() => null))).toEqual([{ name: 'n5' }])
  const { groups } = await herd.status()
  expect(groups[1]?.nodes.find(({ role }) => role === 'primary')?.name).toBe('s1-2')
})
