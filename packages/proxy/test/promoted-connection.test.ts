import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { scratchHerd } from '../../../test/scratch-herd.js'
import { WireProxy } from '../src/index.js'

let herd: Herd
let proxy: WireProxy

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 2 }]')
  const nodes = ['main-1', 'main-2'].map((name) => herd.dsn(name, 'superuser'))
  proxy = await WireProxy.start({ nodes, port: 0 })
}, 120_000)

afterAll(() => proxy?.close())

test('a connection that was opened on a standby holds nobody up once that is the primary', {
  timeout: 60_000,
}, async () => {
  const url = new URL(herd.dsn(herd.primaryOf('main')?.name as string, 'application'))
  url.port = String(proxy.address.port)
  const client = new pg.Client(url.href)
  await client.connect()
  try {
    await client.query('create table notes (id int)')
    await client.query(`set pgherd.consistency = 'eventual'`)
    // One of its own there, which is idle afterwards.
    await client.query('begin read only')
    expect((await client.query('select pg_is_in_recovery() as there')).rows).toEqual([{ there: true }])
    await client.query('commit')
    await herd.switchover('main')
    const startedAt = performance.now()
    await client.query('insert into notes values (1)')
    expect(performance.now() - startedAt).toBeLessThan(5000)
  } finally {
    await client.end()
  }
})
