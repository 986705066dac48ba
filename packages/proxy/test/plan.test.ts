import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { connect, nodesOfHerd, PATIENCE_MS, scratchHerd, until } from '../../../test/scratch-herd.js'
import { WireProxy } from '../src/index.js'
import {
  bind,
  describe as describeStatement,
  execute,
  flush,
  parse,
  query,
  RawClient,
  sync,
} from './raw-client.js'

let herd: Herd
let proxy: WireProxy
let url: string
let client: pg.Client
/** The nodes by the names that the proxy has for them. */
let PRIMARY: string
let STANDBY: string

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 2 }]')
  // Where statements go is not to depend on what else the machine does.
  proxy = await WireProxy.start({
    nodes: await nodesOfHerd(herd, 'superuser'),
    port: 0,
    lanes: { patienceMs: PATIENCE_MS },
    probe: { timeoutMs: PATIENCE_MS },
  })
  const direct = new URL((await nodesOfHerd(herd))[0] as string)
  direct.port = String(proxy.address.port)
  url = direct.href
  ;[PRIMARY, STANDBY] = (await nodesOfHerd(herd)).map((node) => new URL(node).host) as [string, string]
  const app = await connect(url)
  await app.query('create table goods (id int primary key)')
  await app.query('insert into goods values (1)')
  const standby = await connect(herd.dsn('main-2'))
  await until('the standby has it', () =>
    standby.query('select 1 from goods').then(
      ({ rowCount }) => rowCount === 1,
      () => false,
    ),
  )
}, 120_000)

beforeEach(async () => {
  client = new pg.Client(url)
  await client.connect()
})

afterEach(() => client.end())
afterAll(() => proxy.close())

const plan = async () => (await client.query('show pgherd.plan')).rows[0]
const READ = 'select id from goods'

async function roleOfRead(): Promise<string> {
  await client.query(READ)
  return (await plan()).role
}

test('SHOW pgherd.plan tells where the last statement went, and why', async () => {
  expect(await plan()).toEqual({ node: null, role: null, connection: null, why: null })
  await client.query(READ)
  expect(await plan()).toEqual({
    node: STANDBY,
    role: 'standby',
    connection: 'shared',
    why: 'it only reads',
  })
  await client.query('insert into goods values (2)')
  expect(await plan()).toMatchObject({ node: PRIMARY, role: 'primary', connection: 'own' })
  await client.query('begin')
  await client.query(READ)
  expect(await plan()).toEqual({
    node: PRIMARY,
    role: 'primary',
    connection: 'own',
    why: 'its transaction is there',
  })
  await client.query('commit')
})

test('SET pgherd.consistency holds for the session until it is taken back', async () => {
  expect(await roleOfRead()).toBe('standby')
  await client.query("SET pgherd.consistency TO 'primary'")
  expect((await client.query('show pgherd.consistency')).rows).toEqual([{ 'pgherd.consistency': 'primary' }])
  expect(await roleOfRead()).toBe('primary')
  expect((await plan()).why).toBe('what it may see is with the primary alone')
  for (const back of [
    'reset pgherd.consistency',
    'set pgherd.consistency = default',
    'reset all',
    'discard all',
    'set session pgherd.consistency = eventual;',
  ]) {
    await client.query('set pgherd.consistency = primary')
    await client.query(back)
    expect((await client.query('show pgherd.consistency')).rows[0], back).not.toEqual({
      'pgherd.consistency': 'primary',
    })
    await until('a standby reads again', async () => (await roleOfRead()) === 'standby')
  }
  await client.query("set pgherd.consistency = 'bounded=500ms'")
  expect((await client.query('show pgherd.consistency')).rows).toEqual([
    { 'pgherd.consistency': 'bounded=500ms' },
  ])
  const other = await connect(url)
  expect((await other.query('show pgherd.consistency')).rows).toEqual([{ 'pgherd.consistency': 'session' }])
})

test.each([
  [
    "set pgherd.consistency = 'strong'",
    '22023',
    'invalid value for parameter "pgherd.consistency": "strong"',
  ],
  ['set pgherd.consistency', '42601', 'syntax error'],
  ['set pgherd.consistency = a, b', '42601', 'syntax error in a statement about the settings of pgherd'],
  ['set local pgherd.consistency = primary', '0A000', 'SET LOCAL pgherd.consistency is not supported'],
  ['show pgherd.nonsense', '42704', 'unrecognized configuration parameter "pgherd.nonsense"'],
  ['set pgherd.plan = 1', '42704', 'unrecognized configuration parameter "pgherd.plan"'],
])('%s is refused, by either protocol', async (text, code, message) => {
  for (const config of [{ text }, { text, queryMode: 'extended' }]) {
    const failure = await client.query(config as pg.QueryConfig).catch((error) => error)
    expect(failure).toMatchObject({ code, message: expect.stringContaining(message) })
    await client.query('begin')
    await expect(client.query(config as pg.QueryConfig)).rejects.toMatchObject({ code })
    // As of any error, its transaction has failed of it.
    await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' })
    await client.query('rollback')
  }
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})

test('drivers that prepare everything can set and show them too', async () => {
  const extended = (text: string) =>
    client.query({ text, queryMode: 'extended' } as pg.QueryConfig).then(({ rows }) => rows)
  expect(await extended('set pgherd.consistency = primary')).toEqual([])
  expect(await extended('show pgherd.consistency')).toEqual([{ 'pgherd.consistency': 'primary' }])
  await extended(READ)
  expect(await extended('show pgherd.plan')).toMatchObject([{ role: 'primary', node: PRIMARY }])
})

test('they are prepared once and run often, and an error of ours ends its batch alone', async () => {
  const raw = await RawClient.open(url)
  const types = async (...messages: Buffer[]): Promise<string> =>
    (await raw.ask(...messages)).map(([type]) => String.fromCharCode(type as number)).join('')
  expect(
    await types(
      parse('s', 'show pgherd.consistency'),
      describeStatement('S', 's'),
      bind('s'),
      execute(),
      bind('s', [], { portal: 'p' }),
      execute('p'),
      sync,
    ),
  ).toBe('1tT2DC2DCZ')
  expect(
    await types(
      parse('bad', 'set pgherd.consistency = nonsense'),
      bind('bad'),
      execute(),
      flush,
      query('select 1'),
      sync,
    ),
  ).toBe('EZ')
  expect(await types(query('select 1'))).toBe('TDCZ')
  raw.end()
})

test('in a transaction that failed they are refused as all else is', async () => {
  await client.query('begin')
  await client.query('select 1 / 0').catch(() => {})
  await expect(client.query('show pgherd.plan')).rejects.toMatchObject({ code: '25P02' })
  await client.query('rollback')
  expect(await plan()).toMatchObject({ role: 'primary' })
})

test('EXPLAIN ends with the node it was made on', async () => {
  const lines = async (text: string): Promise<string[]> =>
    (await client.query(text)).rows.map((row) => row['QUERY PLAN'])
  await until('a standby has the table', async () => (await roleOfRead()) === 'standby')
  expect((await lines(`explain ${READ}`)).at(-1)).toBe(`Node: ${STANDBY} (standby, shared connection)`)
  expect((await lines(`explain analyze ${READ}`)).at(-1)).toContain(`Node: ${STANDBY} (standby, `)
  expect((await lines('explain insert into goods values (9)')).at(-1)).toBe(
    `Node: ${PRIMARY} (primary, own connection)`,
  )
  await client.query('begin')
  expect((await lines(`explain ${READ}`)).at(-1)).toBe(`Node: ${PRIMARY} (primary, own connection)`)
  await client.query('commit')
  const { rows } = await client.query(`explain (format json) ${READ}`)
  expect(rows).toHaveLength(1)
  expect(rows[0]['QUERY PLAN'][0].Plan['Node Type']).toBe('Seq Scan')
})

test('a comment of any length before a statement harms nobody', { timeout: 240_000 }, async () => {
  const comment = 'x'.repeat(30_000_000)
  expect((await client.query(`/*${comment}*/ select 1 as one`)).rows).toEqual([{ one: 1 }])
  await expect(client.query(`/*${comment}`)).rejects.toMatchObject({ code: '42601' })
  await client.query(`/* web */ -- here\n set pgherd.consistency = 'primary'`)
  expect((await client.query('show pgherd.consistency')).rows).toEqual([{ 'pgherd.consistency': 'primary' }])
  await expect(client.query(`deallocate "${comment}"`)).rejects.toMatchObject({ code: '26000' })
  await expect(client.query(`set pgherd.x =${' '.repeat(100_000)}y`)).rejects.toMatchObject({ code: '42601' })
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})
