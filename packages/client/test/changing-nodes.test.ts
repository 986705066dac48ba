import type { Herd } from '@pgherd/cluster'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Pool } from '../src/index.js'
import type { InternalOptions, StatementTrace } from '../src/internal.js'
import { connect, nodesOfHerd, scratchHerd, scratchPool, unhurried, until } from './scratch-herd.js'
import { type ScratchSupervisor, scratchSupervisor } from './scratch-supervisor.js'

let herd: Herd
let supervisor: ScratchSupervisor
/** The primary first. */
let dsns: string[]
let names: string[]

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ nodes: 3 }]')
  supervisor = await scratchSupervisor()
  dsns = await nodesOfHerd(herd)
  const primary = herd.dsn(herd.primaryOf()?.name ?? '')
  dsns.sort((one, other) => Number(other === primary) - Number(one === primary))
  names = dsns.map((dsn) => new URL(dsn).host)
})

afterAll(() => supervisor.stop())

function group(...nodes: number[]): { name: string; nodes: string[] } {
  return { name: 'main', nodes: nodes.map((at) => names[at] as string) }
}

/** A pool that was told of some of the nodes, and has heard its supervisor. */
async function poolOf(...nodes: number[]): Promise<Pool> {
  const pool = scratchPool(
    unhurried({ nodes: nodes.map((at) => dsns[at] as string), supervisor: supervisor.url }),
  )
  const before = supervisor.listeners.length
  await pool.query('select 1')
  await until('it listens', () => supervisor.listeners.length > before)
  return pool
}

/** `host:port` of who answers a read. */
async function answeredBy(pool: Pool): Promise<string> {
  let by = ''
  const trace: StatementTrace = {
    answered: ({ node }) => {
      by = node
    },
  }
  const config: InternalOptions & { text: string } = { text: 'select 1', consistency: 'eventual', trace }
  await pool.query(config)
  return by
}

test('reads reach a node that was added, and its callers keep what they have', async () => {
  const pool = await poolOf(0, 1)
  const client = await pool.connect()
  await client.query('begin')
  const { rows: before } = await client.query('select pg_backend_pid() as pid')
  supervisor.tellNodes([{ name: 'other', nodes: ['127.0.0.1:1'] }, group(0, 1, 2)])
  const seen = new Set<string>()
  await until('the new one answers too', async () => seen.add(await answeredBy(pool)).has(names[2] as string))
  expect(Object.keys(pool.topology.nodes).sort()).toEqual([...names].sort())
  expect((await client.query('select pg_backend_pid() as pid')).rows).toEqual(before)
  await client.query('commit')
  client.release()
})

test('a node that leaves gets no more work, and no statement fails', async () => {
  const pool = await poolOf(0, 1, 2)
  await until('all are known', () => Object.values(pool.topology.nodes).every(({ state }) => state === 'in'))
  const reader = await pool.connect({ readOnly: true, consistency: 'eventual' })
  await reader.query('begin read only')
  const { rows } = await reader.query('select inet_server_port() as port')
  const leaving = names.findIndex((name) => name.endsWith(`:${rows[0].port}`))
  expect(leaving).toBeGreaterThan(0)

  const failures: unknown[] = []
  let isOver = false
  const load = Array.from({ length: 8 }, async () => {
    while (!isOver) await answeredBy(pool).catch((error) => failures.push(error))
  })
  supervisor.tellNodes([group(...[0, 1, 2].filter((at) => at !== leaving))])
  await until('it is known', () => !((names[leaving] as string) in pool.topology.nodes))
  for (let n = 0; n < 200; n++) expect(await answeredBy(pool)).not.toBe(names[leaving])
  isOver = true
  await Promise.all(load)
  expect(failures).toEqual([])

  // What had been begun there goes on, and its connection is ended with it.
  await reader.query('select 1')
  await reader.query('commit')
  reader.release()
  const admin = await connect(
    herd.dsn(
      herd.nodesOf('main').find((node) => isAt(node, leaving)),
      'superuser',
    ),
  )
  await until('nobody of the pool is there any more', async () => {
    const { rowCount } = await admin.query("select from pg_stat_activity where usename = 'app'")
    return rowCount === 0
  })
})

function isAt(node: string, at: number): boolean {
  return new URL(herd.dsn(node)).host === names[at]
}

test('a supervisor that speaks of other nodes, or of none, changes nothing', async () => {
  const pool = await poolOf(0, 1)
  supervisor.tellNodes([{ name: 'main', nodes: [] }])
  supervisor.tellNodes([{ name: 'main', nodes: ['127.0.0.1:1', '127.0.0.1:2'] }])
  supervisor.tellNodes([])
  await pool.query('select 1')
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(Object.keys(pool.topology.nodes)).toEqual([names[0], names[1]])
})

test('all nodes may be others after a while, one after the other', async () => {
  const pool = await poolOf(0, 1)
  supervisor.tellNodes([group(0, 1)])
  supervisor.tellNodes([group(0, 2)])
  await until('the second is gone', () => !((names[1] as string) in pool.topology.nodes))
  await until('the third is in', () => pool.topology.nodes[names[2] as string]?.state === 'in')
  await pool.end()
})
