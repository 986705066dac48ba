import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { scratchHerd, until } from '../../../test/scratch-herd.js'
import { WireProxy } from '../src/index.js'

// The home group is a shard too: of a table that is spread it has some rows, and not all.

let herd: Herd
let proxy: WireProxy
const clients: pg.Client[] = []

beforeAll(async () => {
  herd = await scratchHerd(`
groups: [{ name: home, nodes: 1 }, { name: s1, nodes: 1 }]
sharding:
  home: home
  groups: [home, s1]
  tables: { users: { key: id } }
`)
  const home = herd.primaryOf('home')?.name as string
  proxy = await WireProxy.start({ nodes: [herd.dsn(home, 'superuser')], port: 0 })
  const direct = await open(herd.dsn(home, 'application'))
  await direct.query('create table users (id int primary key)')
  await direct.query('create table notes (id int)')
}, 120_000)

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => {})))
})

afterAll(() => proxy.close())

async function open(dsn: string): Promise<pg.Client> {
  const client = new pg.Client(dsn)
  client.on('error', () => {})
  clients.push(client)
  await client.connect()
  return client
}

function through(): Promise<pg.Client> {
  const url = new URL(herd.dsn(herd.primaryOf('home')?.name as string, 'application'))
  url.port = String(proxy.address.port)
  return open(url.href)
}

test('I5: what one group has of a table that is spread is nobody’s answer', async () => {
  const client = await through()
  for (const ask of ['select * from users', 'insert into public.users values (1)', 'table users'])
    await expect(client.query(ask)).rejects.toMatchObject({ code: '0A000', hint: /@pgherd\/client/ })
  await expect(client.query('select * from users where id = $1', [1])).rejects.toMatchObject({
    code: '0A000',
  })
  expect((await client.query('select count(*)::int as n from notes')).rows).toEqual([{ n: 0 }])
})

test('a transaction that comes to such a table ends with its session', async () => {
  const client = await through()
  await client.query('begin')
  await client.query('insert into notes values (1)')
  await expect(client.query('select * from users')).rejects.toMatchObject({
    code: '0A000',
    severity: 'FATAL',
  })
  const other = await through()
  expect((await other.query('select count(*)::int as n from notes')).rows).toEqual([{ n: 0 }])
})

test('all shards together are read in the federation database', async () => {
  const url = new URL(herd.dsn(herd.primaryOf('home')?.name as string, 'application'))
  url.port = String(proxy.address.port)
  url.pathname = `/${herd.spec.database}_herd`
  await until('it is there', async () => {
    const client = new pg.Client(url.href)
    client.on('error', () => {})
    return client.connect().then(
      () => client.end().then(() => true),
      () => false,
    )
  })
  const client = await open(url.href)
  await expect(client.query('insert into notes values (1)')).rejects.toMatchObject({ code: '42501' })
})
