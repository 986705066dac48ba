import type { Herd } from '@pgherd/cluster'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, nodesOfHerd, scratchHerd, until } from '../../../test/scratch-herd.js'
import { WireProxy } from '../src/index.js'

let herd: Herd
let proxy: WireProxy

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ nodes: 2 }]')
  proxy = await WireProxy.start({ nodes: await nodesOfHerd(herd, 'superuser'), port: 0, metricsPort: 0 })
}, 120_000)

afterAll(() => proxy.close())

async function get(path: string): Promise<{ status: number; text: string }> {
  const { host, port } = proxy.metricsAddress as { host: string; port: number }
  const response = await fetch(`http://${host}:${port}${path}`)
  return { status: response.status, text: await response.text() }
}

/** The figures by name and labels. */
async function figures(): Promise<Map<string, number>> {
  const { text } = await get('/metrics')
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

test('Prometheus is told who is there, what they did, how long it took and what failed', async () => {
  const url = new URL(herd.dsn('main-1'))
  url.port = String(proxy.address.port)
  const client = await connect(url.href)
  await client.query('create table goods (id int primary key)')
  await client.query('select * from goods')
  await client.query('select * from nothing').catch(() => {})
  await client.query('begin')
  const found = await figures()
  expect(found.get('pgherd_proxy_clients{user="app",database="scratch",state="idle in transaction"}')).toBe(1)
  expect(found.get('pgherd_proxy_batches_total{role="primary",connection="own"}')).toBeGreaterThan(0)
  expect(found.get('pgherd_proxy_errors_total{class="42"}')).toBe(1)
  expect(found.get('pgherd_proxy_batch_duration_seconds_count')).toBe(4)
  expect(found.get('pgherd_proxy_batch_duration_seconds_bucket{le="+Inf"}')).toBe(4)
  expect(found.get('pgherd_proxy_batch_duration_seconds_sum')).toBeGreaterThan(0)
  expect(found.get('pgherd_proxy_paused')).toBe(0)
  const standbys = [...found].filter(([name]) => /node_in\{.*role="standby"\}/.test(name))
  expect(standbys.map(([, value]) => value)).toEqual([1])
  await client.query('rollback')
})

test('it is healthy while it runs, and ready while there is a primary', async () => {
  expect(await get('/healthz')).toEqual({ status: 200, text: 'ok\n' })
  expect(await get('/readyz')).toEqual({ status: 200, text: 'ok\n' })
  expect(await get('/other')).toMatchObject({ status: 404 })
  await herd.disturb('main-2', 'pause')
  await herd.disturb('main-1', 'kill')
  const why = await until('it is not ready', async () => {
    const { status, text } = await get('/readyz')
    return status === 503 ? text : null
  })
  expect(why).toBe('there is no primary\n')
  expect(await get('/healthz')).toMatchObject({ status: 200 })
  await herd.disturb('main-2', 'resume')
  await until('it is ready again', async () => (await get('/readyz')).status === 200)
})

test('without a port there is nothing to ask', async () => {
  const other = await WireProxy.start({ nodes: await nodesOfHerd(herd, 'superuser'), port: 0 })
  expect(other.metricsAddress).toBeNull()
  await other.close()
})
