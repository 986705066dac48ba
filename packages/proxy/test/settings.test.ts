import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { connect, nodesOfHerd, scratchHerd, until } from '../../../test/scratch-herd.js'
import { WireProxy } from '../src/index.js'

let herd: Herd
let proxy: WireProxy
let url: string
const clients: pg.Client[] = []

beforeAll(async () => {
  herd = await scratchHerd()
  proxy = await WireProxy.start({ nodes: await nodesOfHerd(herd, 'superuser'), port: 0 })
  const direct = new URL((await nodesOfHerd(herd))[0] as string)
  direct.port = String(proxy.address.port)
  url = direct.href
}, 120_000)

afterEach(async () => {
  for (const client of clients.splice(0)) await client.end().catch(() => {})
})

afterAll(() => proxy.close())

async function newClient(applicationName?: string): Promise<pg.Client> {
  const client =
    applicationName === undefined
      ? await connect(url)
      : new pg.Client({ connectionString: url, application_name: applicationName })
  if (applicationName !== undefined) await client.connect()
  clients.push(client)
  return client
}

async function show(client: pg.Client, name: string): Promise<string> {
  const { rows } = await client.query(`show ${name}`)
  return Object.values(rows[0])[0] as string
}

const hasOwn = (client: pg.Client): boolean | undefined =>
  proxy.facts.clients.find(({ id }) => id === (client as unknown as { processID: number }).processID)
    ?.hasOwnServer

const READ = `select '2020-01-01 00:00+00'::timestamptz::text as at`

test('SET of a plain setting keeps no connection, and holds on whichever the client gets', async () => {
  const [tokyo, lima, plain] = [await newClient(), await newClient(), await newClient()]
  await tokyo.query(`set timezone = 'Asia/Tokyo'`)
  await lima.query(`set time zone 'America/Lima'`)
  expect([hasOwn(tokyo), hasOwn(lima)]).toEqual([false, false])
  await Promise.all(
    Array.from({ length: 50 }, async (_, at) => {
      const [client, expected] = [
        [tokyo, '2020-01-01 09:00:00+09'],
        [lima, '2019-12-31 19:00:00-05'],
        [plain, (await plain.query(READ)).rows[0].at],
      ][at % 3] as [pg.Client, string]
      expect((await client.query(READ)).rows).toEqual([{ at: expected }])
    }),
  )
  expect(await show(tokyo, 'timezone')).toBe('Asia/Tokyo')
  expect(await show(lima, 'timezone')).toBe('America/Lima')
  expect(['Asia/Tokyo', 'America/Lima']).not.toContain(await show(plain, 'timezone'))
  await tokyo.query('begin')
  expect(await show(tokyo, 'timezone')).toBe('Asia/Tokyo')
  await tokyo.query('commit')
  expect([hasOwn(tokyo), hasOwn(lima), hasOwn(plain)]).toEqual([false, false, false])
})

test('reads under a setting still share connections, with those who have the same', async () => {
  const [one, other] = [await newClient(), await newClient()]
  for (const client of [one, other]) await client.query('set extra_float_digits = -3')
  const lanes = (): number => proxy.statistics.batches.standby.lane + proxy.statistics.batches.primary.lane
  await until('both read on a shared connection', async () => {
    const before = lanes()
    for (const client of [one, other])
      expect((await client.query('select 0.1::float8 * 3 as f')).rows).toEqual([{ f: 0.3 }])
    return lanes() === before + 2
  })
})

test('RESET, RESET ALL and DISCARD ALL take back what was set', async () => {
  const client = await newClient('first')
  const before = await show(client, 'work_mem')
  for (const end of ['reset work_mem', 'set work_mem to default', 'reset all', 'discard all']) {
    await client.query(`set work_mem = '7MB'`)
    await client.query(`set application_name = 'second'`)
    expect(await show(client, 'work_mem')).toBe('7MB')
    await client.query(end)
    expect(await show(client, 'work_mem'), end).toBe(before)
    expect(hasOwn(client), end).toBe(false)
  }
  await client.query('reset application_name')
  expect(await show(client, 'application_name')).toBe('first')
})

test('servers know each client by the name it gave itself', async () => {
  const [one, other] = [await newClient('one'), await newClient(`the other's \\ own`)]
  const NAME = `select application_name as name from pg_stat_activity where pid = pg_backend_pid()`
  for (let round = 0; round < 3; round++) {
    expect((await one.query(NAME)).rows).toEqual([{ name: 'one' }])
    expect((await other.query(NAME)).rows).toEqual([{ name: `the other's \\ own` }])
  }
})

test('a SET that fails, is only prepared, or is rolled back changes nothing', async () => {
  const client = await newClient()
  const before = await show(client, 'timezone')
  await expect(client.query(`set timezone = 'Nowhere/Land'`)).rejects.toThrow('invalid value for parameter')
  expect(await show(client, 'timezone')).toBe(before)
  await client.query('begin')
  await client.query(`set timezone = 'Asia/Tokyo'`)
  expect(await show(client, 'timezone')).toBe('Asia/Tokyo')
  await client.query('rollback')
  expect(await show(client, 'timezone')).toBe(before)
  await client.query('begin')
  await client.query(`set timezone = 'Asia/Tokyo'`)
  await client.query('commit')
  expect(await show(client, 'timezone')).toBe('Asia/Tokyo')
  expect((await client.query(READ)).rows).toEqual([{ at: '2020-01-01 09:00:00+09' }])
})

test('statements that were prepared under other settings are understood anew', async () => {
  const [one, other] = [await newClient(), await newClient()]
  await one.query('create schema theirs create table same (id int)')
  await one.query('create table same (name text)')
  await one.query(`insert into same values ('mine')`)
  await one.query('insert into theirs.same values (7)')
  await other.query('set search_path = theirs, public')
  for (let round = 0; round < 10; round++)
    for (const [client, expected] of [
      [one, { name: 'mine' }],
      [other, { id: 7 }],
    ] as const) {
      await client.query('begin')
      const { rows } = await client.query({ name: 'all', text: 'select * from same' })
      expect(rows).toEqual([expected])
      await client.query('commit')
    }
})

test('what new clients are told of settings is not what others have set', async () => {
  const first = await newClient()
  await first.query(`set timezone = 'Asia/Tokyo'`)
  const told: Record<string, string> = {}
  const client = new pg.Client(url)
  ;(client as unknown as { connection: NodeJS.EventEmitter }).connection.on(
    'parameterStatus',
    ({ parameterName, parameterValue }) => {
      told[parameterName] = parameterValue
    },
  )
  await client.connect()
  clients.push(client)
  expect(told.TimeZone).not.toBe('Asia/Tokyo')
  expect(told.TimeZone).toBe(await show(client, 'timezone'))
})

test('what shared connections are set to is nobody’s business', async () => {
  const client = await newClient()
  expect((await client.query(`select current_setting('statement_timeout') as t`)).rows).toEqual([{ t: '0' }])
  expect(
    (await client.query(`select setting from pg_settings where name = 'statement_timeout'`)).rows,
  ).toEqual([{ setting: '0' }])
  await client.query('set statement_timeout = 12345')
  expect((await client.query(`select current_setting('statement_timeout') as t`)).rows).toEqual([
    { t: '12345ms' },
  ])
})

test('settings outlive the primary', async () => {
  const client = await newClient()
  await client.query(`set timezone = 'Asia/Tokyo'`)
  await client.query('select txid_current()')
  const killed = herd.primaryOf()?.name as string
  await herd.disturb(killed, 'kill')
  await until('another is primary', () => ![killed, undefined].includes(herd.primaryOf()?.name))
  const { rows } = await client.query(
    `select txid_current() is not null as wrote, current_setting('timezone') as zone`,
  )
  expect(rows).toEqual([{ wrote: true, zone: 'Asia/Tokyo' }])
  await herd.whenWhole(60_000)
}, 60_000)
