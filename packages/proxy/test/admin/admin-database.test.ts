import { setTimeout as sleep } from 'node:timers/promises'
import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, nodesOfHerd, PATIENCE_MS, scratchHerd, until } from '../../../../test/scratch-herd.js'
import { SHOWN } from '../../src/admin/admin-command.js'
import { SHOWN_COLUMNS } from '../../src/admin/admin-table.js'
import { WireProxy } from '../../src/index.js'

let herd: Herd
let proxy: WireProxy
/** Through the proxy: as the application, and as the superuser to the admin database. */
let url: string
let adminUrl: string

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ nodes: 2 }]')
  proxy = await WireProxy.start({ nodes: await nodesOfHerd(herd, 'superuser'), port: 0 })
  const through = (dsn: string, database?: string): string => {
    const address = new URL(dsn)
    address.port = String(proxy.address.port)
    if (database !== undefined) address.pathname = database
    return address.href
  }
  url = through(herd.dsn('main-1'))
  adminUrl = through(herd.dsn('main-1', 'superuser'), 'pgherd')
  const client = await connect(url)
  await client.query('create table goods (id int primary key, stock int not null default 0)')
  await client.query('insert into goods select generate_series(1, 10)')
}, 120_000)

afterAll(() => proxy.close())

async function show(what: string): Promise<Record<string, string>[]> {
  const admin = await connect(adminUrl)
  return (await admin.query(`SHOW ${what}`)).rows
}

test('every SHOW gives the columns it promises, in rows of text', async () => {
  const client = await connect(url)
  await client.query('select stock from goods where id = 1')
  const admin = await connect(adminUrl)
  for (const what of SHOWN) {
    const { fields, rows, command } = await admin.query(`show ${what}`)
    expect(command).toBe('SHOW')
    expect(fields.map(({ name }) => name)).toEqual(SHOWN_COLUMNS[what])
    expect(rows.length, what).toBeGreaterThan(0)
  }
  expect(await show('NODES')).toMatchObject([
    { node: expect.any(String), role: 'primary', state: 'in' },
    { role: 'standby', state: 'in' },
  ])
  expect(await show('CONFIG')).toContainEqual({ name: 'maxServers', value: '20', reloadable: 'yes' })
  const lane = await until('a lane rests', async () =>
    (await show('LANES')).find(({ in_flight }) => in_flight === '0'),
  )
  expect(lane).toMatchObject({ user: 'app', database: 'scratch', state: 'open' })
})

test('drivers that speak the extended protocol are answered too', async () => {
  const admin = await connect(adminUrl)
  for (const name of ['one', 'one', undefined]) {
    const { rows, fields } = await admin.query({ ...(name && { name }), text: 'SHOW VERSION', values: [] })
    expect(fields.map((field) => field.name)).toEqual(['version'])
    expect(rows).toEqual([{ version: expect.stringMatching(/^pgherd proxy \d/) }])
  }
  const extended = (text: string): Promise<pg.QueryResult> => admin.query({ text, name: text.slice(0, 20) })
  expect((await extended('RELOAD')).command).toBe('RELOAD')
  expect((await extended('')).rows).toEqual([])
  await expect(extended('KILL 1')).rejects.toMatchObject({ code: '42704' })
  await expect(extended('PAUSE; RESUME')).rejects.toMatchObject({
    code: '42601',
    message: 'cannot insert multiple commands into a prepared statement',
  })
  expect((await extended('SHOW HELP')).rows.length).toBeGreaterThan(5)
})

test('a client is shown as it is: idle, in a transaction with a connection of its own, and idle again', async () => {
  const client = await connect(`${url}?application_name=shop`)
  const shown = async (): Promise<unknown> =>
    (await show('CLIENTS')).find((each) => each.application_name === 'shop')
  expect(await shown()).toMatchObject({
    user: 'app',
    database: 'scratch',
    state: 'idle',
    connection: 'shared',
  })
  await client.query('begin')
  await client.query('select 1')
  expect(await shown()).toMatchObject({ state: 'idle in transaction', connection: 'own', batches: '2' })
  await client.query('commit')
  expect(await shown()).toMatchObject({ state: 'idle', connection: 'shared' })
})

test('I9: what is no command gets PostgreSQL’s error, with a hint; the session goes on', async () => {
  const admin = await connect(adminUrl)
  await expect(admin.query('select * from clients')).rejects.toMatchObject({
    code: '42601',
    message: 'syntax error at or near "select"',
    hint: 'SHOW HELP lists the commands of this database.',
  })
  await expect(admin.query('select $1::int', [1])).rejects.toMatchObject({ code: '42601' })
  await expect(admin.query('KILL 1')).rejects.toMatchObject({
    code: '42704',
    message: 'client 1 does not exist',
  })
  await expect(admin.query('RESUME')).rejects.toMatchObject({ code: '55000', message: 'nothing is paused' })
  expect((await admin.query('SHOW VERSION')).rows).toHaveLength(1)
})

test('it is for those whose login the proxy has, and those who were named', async () => {
  const other = new URL(url)
  other.pathname = 'pgherd'
  await expect(connect(other.href)).rejects.toThrow('database "pgherd" does not exist')
  const nodes = await nodesOfHerd(herd, 'superuser')
  await proxy.reload({ nodes, port: 0, adminUsers: ['app'] })
  expect((await (await connect(other.href)).query('SHOW VERSION')).rows).toHaveLength(1)
  await proxy.reload({ nodes, port: 0 })
  await expect(connect(other.href)).rejects.toThrow('does not exist')
})

test('it lets its users look while no server answers', async () => {
  const other = await WireProxy.start({ nodes: ['postgres://ops:secret@127.0.0.1:1/shop'], port: 0 })
  const address = `postgres://ops:secret@127.0.0.1:${other.address.port}/pgherd`
  expect((await (await connect(address)).query('SHOW NODES')).rows).toMatchObject([
    { node: '127.0.0.1:1', state: 'out', why: expect.stringContaining('ECONNREFUSED') },
  ])
  await expect(connect(address.replace('secret', 'wrong'))).rejects.toMatchObject({ code: '28P01' })
  await other.close()
})

describe('PAUSE', () => {
  test('lets what runs finish, keeps what is new waiting, and RESUME lets it go on', async () => {
    const [busy, reader, writer, admin] = [
      await connect(url),
      await connect(url),
      await connect(url),
      await connect(adminUrl),
    ]
    await busy.query('begin')
    await busy.query('update goods set stock = stock + 1 where id = 1')
    let isPaused = false
    const paused = admin.query('PAUSE').then(() => {
      isPaused = true
    })
    await until('it is told', async () => (await show('POOLS')).every((pool) => pool.paused === 'yes'))
    const held = [
      reader.query('select stock from goods where id = 2'),
      writer.query('update goods set stock = 5 where id = 2'),
    ]
    await until(
      'they wait',
      async () => (await show('CLIENTS')).filter(({ state }) => state === 'paused').length === 2,
    )
    expect(isPaused).toBe(false)
    // What has begun goes on to its end.
    await busy.query('update goods set stock = stock + 1 where id = 1')
    await busy.query('commit')
    await paused
    const late = busy.query('select stock from goods where id = 1')
    expect(await Promise.race([late, ...held, sleep(50).then(() => 'still waiting')])).toBe('still waiting')
    await (await connect(adminUrl)).query('RESUME')
    await Promise.all(held)
    expect((await late).rows).toEqual([{ stock: 2 }])
  })

  test('of a database holds up no other', async () => {
    const [client, admin] = [await connect(url), await connect(adminUrl)]
    await admin.query('PAUSE elsewhere')
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await admin.query('PAUSE scratch')
    const held = client.query('select 2 as two')
    await admin.query('RESUME elsewhere')
    expect(await Promise.race([held, sleep(50).then(() => 'waiting')])).toBe('waiting')
    await admin.query('RESUME scratch')
    expect((await held).rows).toEqual([{ two: 2 }])
  })

  test('can be cancelled from by a client that waits, and left by one that hangs up', async () => {
    const [patient, gone, admin] = [await connect(url), await connect(url), await connect(adminUrl)]
    await admin.query('PAUSE')
    const held = patient.query('select 1 as one')
    const lost = gone.query('select 1').catch(() => 'lost')
    await until(
      'they wait',
      async () => (await show('CLIENTS')).filter(({ state }) => state === 'paused').length === 2,
    )
    gone.end().catch(() => {})
    ;(gone as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
    await until('one has left', async () => (await show('CLIENTS')).length === 1)
    await admin.query('RESUME')
    expect((await held).rows).toEqual([{ one: 1 }])
    expect(await lost).toBe('lost')
  })
})

describe('the hold around a switchover', () => {
  test('ends by itself when whoever asked for it is gone', async () => {
    const client = await connect(url)
    const leaseMs = 300
    const heldAtMs = performance.now()
    expect(await proxy.hold({ patienceMs: PATIENCE_MS, leaseMs })).toBe(true)
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    // A timer may be early by a part of a millisecond.
    expect(performance.now() - heldAtMs).toBeGreaterThan(leaseMs - 2)
  })

  test('waits for open transactions for so long only, and ends no PAUSE of a person', async () => {
    const [busy, client, admin] = [await connect(url), await connect(url), await connect(adminUrl)]
    await busy.query('begin')
    expect(await proxy.hold({ patienceMs: 20, leaseMs: 60_000 })).toBe(false)
    await busy.query('commit')
    await admin.query('PAUSE')
    proxy.release()
    const held = client.query('select 1 as one')
    expect(await Promise.race([held, sleep(50).then(() => 'waiting')])).toBe('waiting')
    await admin.query('RESUME')
    expect((await held).rows).toEqual([{ one: 1 }])
  })
})

test('RECONNECT replaces connections without an error for anybody', async () => {
  const [client, admin] = [await connect(url), await connect(adminUrl)]
  const pidsOf = async (): Promise<string[]> => (await show('SERVERS')).map(({ pid }) => pid as string)
  await client.query('begin')
  await client.query('update goods set stock = 1 where id = 3')
  const before = await pidsOf()
  await admin.query('RECONNECT')
  await client.query('update goods set stock = 2 where id = 3')
  await client.query('commit')
  await client.query('select stock from goods where id = 3')
  await until('none of them is left', async () => (await pidsOf()).every((pid) => !before.includes(pid)))
})

test('KILL ends a client as an administrator would', async () => {
  const [client, admin] = [await connect(`${url}?application_name=victim`), await connect(adminUrl)]
  const told = new Promise<Error & { code?: string }>((resolve) => client.once('error', resolve))
  const victim = (await show('CLIENTS')).find((each) => each.application_name === 'victim')
  await admin.query(`KILL ${victim?.id}`)
  expect(await told).toMatchObject({ code: '57P01' })
  expect((await show('CLIENTS')).some((each) => each.application_name === 'victim')).toBe(false)
})

describe('limits of clients', () => {
  test.each([
    [{ maxClients: 1 }, 'sorry, too many clients already'],
    [{ maxClientsPerUser: 1 }, 'too many connections for role "app"'],
    [{ maxClientsPerDatabase: 1 }, 'too many connections for database "scratch"'],
  ])('%j are told with PostgreSQL’s words, and free again when a client leaves', async (limit, message) => {
    const nodes = await nodesOfHerd(herd, 'superuser')
    await until('nobody is left', async () => proxy.facts.clients.length === 0)
    await proxy.reload({ nodes, port: 0, ...limit })
    const first = await connect(url)
    await expect(connect(url)).rejects.toMatchObject({ code: '53300', severity: 'FATAL', message })
    // Whoever administers is let in.
    expect(await show('VERSION')).toHaveLength(1)
    await first.end()
    await until('it has left', () => proxy.facts.clients.length === 0)
    expect((await (await connect(url)).query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await proxy.reload({ nodes, port: 0 })
  })

  test('a login that fails takes no place', async () => {
    const nodes = await nodesOfHerd(herd, 'superuser')
    await until('nobody is left', async () => proxy.facts.clients.length === 0)
    await proxy.reload({ nodes, port: 0, maxClients: 1 })
    const nowhere = new URL(url)
    nowhere.pathname = 'nowhere'
    for (let at = 0; at < 3; at++) await expect(connect(nowhere.href)).rejects.toThrow('does not exist')
    await connect(url)
    await proxy.reload({ nodes, port: 0 })
  })
})

test('RELOAD disconnects nobody, and asks its owner for the options', async () => {
  const nodes = await nodesOfHerd(herd, 'superuser')
  let maxClients = 5
  const other = await WireProxy.start({ nodes, port: 0 }, { reload: async () => ({ nodes, maxClients }) })
  const address = new URL(adminUrl)
  address.port = String(other.address.port)
  const admin = await connect(address.href)
  await admin.query('RELOAD')
  expect((await admin.query('SHOW CONFIG')).rows).toContainEqual({
    name: 'maxClients',
    value: '5',
    reloadable: 'yes',
  })
  maxClients = -1
  await expect(admin.query('RELOAD')).rejects.toMatchObject({ code: 'F0000' })
  expect((await admin.query('SHOW VERSION')).rows).toHaveLength(1)
  await other.close()
})

test('a graceful stop lets a transaction finish, ends who is idle, and takes nobody new', async () => {
  const other = await WireProxy.start({ nodes: await nodesOfHerd(herd, 'superuser'), port: 0 })
  const address = new URL(url)
  address.port = String(other.address.port)
  const [idle, busy] = [await connect(address.href), await connect(address.href)]
  const told = new Promise<Error & { code?: string }>((resolve) => idle.once('error', resolve))
  await busy.query('begin')
  await busy.query('update goods set stock = 9 where id = 9')
  let isStopped = false
  const stopped = other.stop().then(() => {
    isStopped = true
  })
  expect(await told).toMatchObject({ code: '57P01' })
  await expect(connect(address.href)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  expect(isStopped).toBe(false)
  await busy.query('commit')
  await stopped
  expect((await (await connect(url)).query('select stock from goods where id = 9')).rows).toEqual([
    { stock: 9 },
  ])
})

test('a graceful stop is bounded', async () => {
  const other = await WireProxy.start({ nodes: await nodesOfHerd(herd, 'superuser'), port: 0 })
  const address = new URL(url)
  address.port = String(other.address.port)
  const busy = new pg.Client({ connectionString: address.href })
  // Told why first, then that the connection is closed.
  const told = new Promise<Error & { code?: string }>((resolve) => busy.on('error', resolve))
  await busy.connect()
  await busy.query('begin')
  await other.stop({ graceMs: 50 })
  expect(await told).toMatchObject({ code: '57P01' })
})
