import type { Herd } from '@pgherd/cluster'
import type pg from 'pg'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { connect, nodesOfHerd, scratchHerd, until } from '../../../test/scratch-herd.js'
// As it was built: workers are programs.
import { type ProxyOptions, type ServingProxy, startProxy } from '../dist/index.js'

let herd: Herd
/** The primary first. */
let dsns: string[]
let proxy: ServingProxy
let options: ProxyOptions

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ nodes: 3 }]')
  const primary = herd.dsn(herd.primaryOf()?.name ?? '', 'superuser')
  dsns = (await nodesOfHerd(herd, 'superuser')).sort(
    (one, other) => Number(other === primary) - Number(one === primary),
  )
  const admin = await connect(primary)
  await admin.query(
    'create table goods as select generate_series(1, 100) id; grant select on goods to public',
  )
}, 120_000)

afterEach(() => proxy.close())

/** A proxy that knows some of the nodes. */
async function serve(workers: number, nodes: readonly number[]): Promise<void> {
  options = { nodes: only(nodes), port: 0, workers, lanes: { patienceMs: 1000 }, maxLagMs: 600_000 }
  proxy = await startProxy(options)
}

function only(nodes: readonly number[]): string[] {
  return nodes.map((at) => dsns[at] as string)
}

async function client(): Promise<pg.Client> {
  const url = new URL(herd.dsn('main-1'))
  url.port = String(proxy.address.port)
  return connect(url.href)
}

/** `host:port` of who answered the last statement. */
async function answeredBy(reader: pg.Client): Promise<string> {
  await reader.query('select count(*) from goods')
  return (await reader.query<{ node: string }>('show pgherd.plan')).rows[0]?.node ?? ''
}

function host(at: number): string {
  return new URL(dsns[at] as string).host
}

test.each([1, 2])('with %i workers a new node gets reads, and nobody loses a connection', async (workers) => {
  await serve(workers, [0, 1])
  const [idle, open] = [await client(), await client()]
  const pidOf = async (of: pg.Client) => (await of.query('select pg_backend_pid() as pid')).rows
  await open.query('begin')
  const before = await pidOf(open)
  await proxy.reload({ ...options, nodes: only([0, 1, 2]) })
  await until('it reads there', async () => (await answeredBy(await client())) === host(2))
  expect(await pidOf(open)).toEqual(before)
  await open.query('commit')
  await idle.query('select 1')
  expect(Object.keys(proxy.topology.nodes)).toEqual([host(0), host(1), host(2)])
})

test.each([1, 2])(
  'with %i workers a node that leaves gets no more reads, and no statement fails',
  async (workers) => {
    await serve(workers, [0, 1, 2])
    const inTransaction = await client()
    await inTransaction.query('begin read only')
    await inTransaction.query('select count(*) from goods')
    const { rows } = await inTransaction.query('select current_setting($1)::int as port', ['port'])
    const leaving = dsns.findIndex((dsn) => new URL(dsn).port === String(rows[0].port))
    expect(leaving).toBeGreaterThan(0)

    const failures: unknown[] = []
    let isOver = false
    const load = Array.from({ length: 8 }, async () => {
      const reader = await client()
      while (!isOver) await answeredBy(reader).catch((error) => failures.push(error))
    })
    const admin = await connect(dsns[leaving] as string)
    const reading = async (): Promise<number | null> =>
      (await admin.query("select from pg_stat_activity where usename = 'app'")).rowCount
    await until('reads go there', async () => ((await reading()) ?? 0) > 1)
    await proxy.reload({ ...options, nodes: only([0, 1, 2].filter((at) => at !== leaving)) })
    const reader = await client()
    for (let n = 0; n < 50; n++) expect(await answeredBy(reader)).not.toBe(host(leaving))
    await until('only the transaction is left', async () => (await reading()) === 1)
    isOver = true
    await Promise.all(load)
    expect(failures).toEqual([])

    await inTransaction.query('select count(*) from goods')
    await inTransaction.query('commit')
    await until('nobody is left', async () => (await reading()) === 0)
    await until('nothing is shown of it', async () =>
      (await proxy.look('pools')).pools.every(({ node }) => node !== host(leaving)),
    )
    expect(await answeredBy(inTransaction)).not.toBe(host(leaving))
  },
)

test('I9: nodes that make no sense leave things as they were', async () => {
  await serve(1, [0, 1])
  const same = { code: 'OPTIONS_INVALID' }
  await expect(proxy.reload({ ...options, nodes: [] })).rejects.toMatchObject(same)
  await expect(proxy.reload({ ...options, nodes: ['postgres://a:x/b'] })).rejects.toMatchObject(same)
  expect(Object.keys(proxy.topology.nodes)).toEqual([host(0), host(1)])
  await (await client()).query('select count(*) from goods')
})
