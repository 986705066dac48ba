import { setTimeout as sleep } from 'node:timers/promises'
import type { Herd } from '@pgherd/cluster'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connect, nodesOfHerd, PATIENCE_MS, scratchHerd, until } from '../../../../test/scratch-herd.js'
// As it was built: workers are programs.
import { type ProxyOptions, type ServingProxy, startProxy } from '../../dist/index.js'
import { RawSocket } from '../raw-socket.js'

let herd: Herd
let proxy: ServingProxy
let options: ProxyOptions
/** Through the proxy: as the application, and as the superuser to the admin database. */
let url: string
let adminUrl: string

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ nodes: 2 }]')
  options = {
    nodes: await nodesOfHerd(herd, 'superuser'),
    port: 0,
    workers: 2,
    metricsPort: 0,
    // Where short statements go, and how often, is not to depend on what else the machine does.
    lanes: { patienceMs: 1000 },
  }
  proxy = await startProxy(options)
  url = through(proxy, herd.dsn('main-1'))
  adminUrl = through(proxy, herd.dsn('main-1', 'superuser'), 'pgherd')
  const client = await connect(url)
  await client.query('create table goods (id int primary key, stock int not null default 0)')
  await client.query('insert into goods select generate_series(1, 10)')
  await client.end()
}, 120_000)

afterAll(() => proxy.close())

beforeEach(() => until('nobody is left', async () => (await show('CLIENTS')).length === 0))

function through({ address }: ServingProxy, dsn: string, database?: string): string {
  const found = new URL(dsn)
  found.port = String(address.port)
  if (database !== undefined) found.pathname = database
  return found.href
}

interface Keys {
  readonly processID: number
  readonly secretKey: number
}

const keysOf = (client: pg.Client): Keys => client as unknown as Keys
const workerOf = (client: pg.Client): number => keysOf(client).processID % 2

/** One client on each worker. */
async function onBoth(address = url): Promise<[pg.Client, pg.Client]> {
  const found: (pg.Client | undefined)[] = []
  while (found[0] === undefined || found[1] === undefined) {
    const client = await connect(address)
    const worker = workerOf(client)
    if (found[worker] === undefined) found[worker] = client
    else await client.end()
  }
  return [found[0], found[1]]
}

async function show(what: string): Promise<Record<string, string>[]> {
  const admin = await connect(adminUrl)
  try {
    return (await admin.query(`SHOW ${what}`)).rows
  } finally {
    await admin.end()
  }
}

async function stateOf(client: pg.Client): Promise<string | undefined> {
  return (await show('CLIENTS')).find(({ id }) => Number(id) === keysOf(client).processID)?.state
}

function whenPaused(): Promise<unknown> {
  return until('it is paused', async () => (await show('POOLS')).every(({ paused }) => paused === 'yes'))
}

function codeOf(client: pg.Client): Promise<string | undefined> {
  return new Promise((resolve) =>
    client.once('error', ({ code }: Error & { code?: string }) => resolve(code)),
  )
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Of both workers, once both serve. */
function pidsOfWorkers(): Promise<[number, number]> {
  return until('both serve', async () => {
    const { workers } = await proxy.look('workers')
    return workers.every(({ state }) => state === 'serving')
      ? (workers.map(({ pid }) => pid) as [number, number])
      : null
  })
}

test('clients are spread over the workers, and this process serves none of them', async () => {
  const clients: pg.Client[] = []
  for (let at = 0; at < 8; at++) clients.push(await connect(url))
  const workers = await show('WORKERS')
  expect(workers).toMatchObject([
    { worker: '0', state: 'serving', clients: '4' },
    { worker: '1', state: 'serving', clients: '4' },
  ])
  expect(clients.map(workerOf).filter((worker) => worker === 0)).toHaveLength(4)
  const pids = new Set(workers.map(({ pid }) => Number(pid)))
  expect(pids.size).toBe(2)
  expect(pids.has(process.pid)).toBe(false)
})

describe('a cancel request', () => {
  async function cancel({ processID, secretKey }: Keys): Promise<void> {
    const packet = Buffer.alloc(16)
    packet.writeInt32BE(16, 0)
    packet.writeInt32BE(80877102, 4)
    packet.writeInt32BE(processID, 8)
    packet.writeInt32BE(secretKey, 12)
    const socket = await RawSocket.open(proxy.address.port)
    socket.say(packet)
    await socket.farewell()
  }

  test('finds its client, whichever worker it comes to', async () => {
    const client = await connect(url)
    const admin = await connect(adminUrl)
    for (let at = 0; at < 4; at++) {
      const outcome = client.query('select pg_sleep(60)').catch(({ code }: { code?: string }) => code)
      await until('it runs', async () =>
        (await admin.query('SHOW CLIENTS')).rows.some(({ state }) => state === 'active'),
      )
      // These are the only connections that are made meanwhile, so that workers take turns.
      await cancel(keysOf(client))
      expect(await outcome).toBe('57014')
    }
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('with a wrong key is heard by nobody', async () => {
    const client = await connect(url)
    const slept = client.query('select pg_sleep(0.5)')
    const { processID, secretKey } = keysOf(client)
    for (let at = 0; at < 4; at++) await cancel({ processID, secretKey: secretKey ^ 1 })
    expect((await slept).rows).toHaveLength(1)
  })
})

describe('limits hold over all workers', () => {
  test.each([
    [{ maxClients: 3 }, 'sorry, too many clients already'],
    [{ maxClientsPerUser: 3 }, 'too many connections for role "app"'],
    [{ maxClientsPerDatabase: 3 }, 'too many connections for database "scratch"'],
  ])('%j', async (limit, message) => {
    await proxy.reload({ ...options, ...limit })
    try {
      const [first] = [await connect(url), await connect(url), await connect(url)]
      for (let at = 0; at < 2; at++)
        await expect(connect(url)).rejects.toMatchObject({ code: '53300', severity: 'FATAL', message })
      await first.end()
      await until('its place is free', () => connect(url).catch(() => null))
    } finally {
      await proxy.reload(options)
    }
  })

  test('maxServers is shared out', async () => {
    await proxy.reload({ ...options, maxServers: 2 })
    const clients = [...(await onBoth()), ...(await onBoth())]
    const begun = clients.map((client) => client.query('begin; select 1 from goods for update'))
    await until('the others wait', async () =>
      (await show('POOLS')).some(({ own, waiting }) => own === '2' && waiting === '2'),
    )
    await Promise.all([...begun, ...clients.map((client) => client.query('rollback'))])
    await proxy.reload(options)
  })
})

describe('the admin database shows all workers, from any of them', () => {
  test('clients, servers and pools', async () => {
    const [one, two] = await onBoth()
    for (const client of [one, two]) await client.query('begin; select 1 from goods')
    const [first, second] = await onBoth(adminUrl)
    const shown = (await first.query('SHOW CLIENTS')).rows
    expect(shown.map(({ id }) => Number(id)).sort()).toEqual(
      [one, two].map((client) => keysOf(client).processID).sort(),
    )
    expect((await second.query('SHOW CLIENTS')).rows).toEqual(shown)
    for (const admin of [first, second]) {
      const taken = (await admin.query('SHOW SERVERS')).rows.filter(({ state }) => state === 'in transaction')
      expect(new Set(taken.map(({ pid }) => pid)).size).toBe(2)
      const pools = (await admin.query('SHOW POOLS')).rows.filter(({ own }) => Number(own) >= 2)
      expect(pools).toMatchObject([{ user: 'app', database: 'scratch', clients: '2', waiting: '0' }])
    }
  })

  test('lanes, and counts', async () => {
    const count = async (): Promise<number> =>
      Number((await show('STATS')).find(({ name }) => name === 'batches')?.value)
    const [one, two] = await onBoth()
    const before = await count()
    for (const client of [one, one, two]) await client.query('select stock from goods where id = 1')
    expect(await count()).toBe(before + 3)
    expect(new Set((await show('LANES')).map(({ pid }) => pid)).size).toBeGreaterThanOrEqual(2)
    expect(await show('CONFIG')).toContainEqual({ name: 'workers', value: '2', reloadable: 'no' })
  })
})

describe('what is ordered is done by all workers', () => {
  test('PAUSE waits for what runs on any of them, and RESUME lets all go on', async () => {
    const [one, two] = await onBoth()
    const [, admin] = await onBoth(adminUrl)
    await one.query('begin; update goods set stock = 1 where id = 1')
    let isPaused = false
    const paused = admin.query('PAUSE').then(() => {
      isPaused = true
    })
    await whenPaused()
    const held = two.query('select 2 as two')
    await until('it waits', async () => (await stateOf(two)) === 'paused')
    expect(isPaused).toBe(false)
    await one.query('commit')
    await paused
    const heldToo = one.query('select 1 as one')
    await until('it waits too', async () => (await stateOf(one)) === 'paused')
    await admin.query('RESUME')
    expect([(await heldToo).rows, (await held).rows]).toEqual([[{ one: 1 }], [{ two: 2 }]])
    await expect(admin.query('RESUME')).rejects.toMatchObject({ code: '55000' })
  })

  test('who ordered a PAUSE may leave: it stays, and waits no more', async () => {
    const [one, two] = await onBoth()
    await one.query('begin')
    const admin = await connect(adminUrl)
    const told = admin.query('PAUSE scratch').catch(() => 'left')
    await whenPaused()
    const held = two.query('select 2 as two')
    await until('it waits', async () => (await stateOf(two)) === 'paused')
    ;(admin as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
    expect(await told).toBe('left')
    await one.query('commit')
    expect(await stateOf(two)).toBe('paused')
    expect(await proxy.resume('scratch')).toBe(true)
    expect((await held).rows).toEqual([{ two: 2 }])
  })

  test('the hold around a switchover', async () => {
    const [one, two] = await onBoth()
    await one.query('begin')
    expect(await proxy.hold({ patienceMs: 20, leaseMs: 60_000 })).toBe(false)
    await one.query('commit')
    expect(await proxy.hold({ patienceMs: PATIENCE_MS, leaseMs: 60_000 })).toBe(true)
    const held = [one, two].map((client) => client.query('select 1 as one'))
    for (const client of [one, two]) await until('it waits', async () => (await stateOf(client)) === 'paused')
    proxy.release()
    for (const { rows } of await Promise.all(held)) expect(rows).toEqual([{ one: 1 }])
  })

  test('KILL, of a client of either', async () => {
    const clients = await onBoth()
    const told = clients.map(codeOf)
    const [admin] = await onBoth(adminUrl)
    for (const client of clients) await admin.query(`KILL ${keysOf(client).processID}`)
    expect(await Promise.all(told)).toEqual(['57P01', '57P01'])
    for (const id of [2, 3])
      await expect(admin.query(`KILL ${id}`)).rejects.toMatchObject({
        code: '42704',
        message: `client ${id} does not exist`,
      })
  })

  test('RELOAD', async () => {
    const address = new URL(url)
    address.pathname = 'pgherd'
    await proxy.reload({ ...options, adminUsers: ['app'], maxClients: 77 })
    const [first, second] = await onBoth(address.href)
    for (const admin of [first, second])
      expect((await admin.query('SHOW CONFIG')).rows).toContainEqual({
        name: 'maxClients',
        value: '77',
        reloadable: 'yes',
      })
    await expect(proxy.reload({ ...options, maxClients: -1 })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
    })
    await proxy.reload(options)
    for (let at = 0; at < 2; at++) await expect(connect(address.href)).rejects.toThrow('does not exist')
  })

  test('RECONNECT', async () => {
    for (const client of await onBoth()) await client.query('select stock from goods where id = 1')
    const pids = async (): Promise<(string | undefined)[]> => (await show('SERVERS')).map(({ pid }) => pid)
    const before = await pids()
    expect(before.length).toBeGreaterThanOrEqual(2)
    await (await connect(adminUrl)).query('RECONNECT')
    await until('none is left', async () => (await pids()).every((pid) => !before.includes(pid)))
  })
})

test('what a client of one worker changes, another judges by', async () => {
  const [one] = await onBoth()
  await one.query("create function four() returns int language sql as 'select 4'")
  await one.query('create view numbers as select stock as n from goods')
  /** Whether the statement of a client of the other worker got a connection to itself: the view is not known. */
  const ran = async (): Promise<'lane' | 'own'> => {
    const [, two] = await onBoth()
    const own = async (): Promise<number> => {
      const { primary, standby } = (await proxy.look('meter')).meter.batches
      return primary.own + standby.own
    }
    const before = await own()
    await two.query('select n from numbers')
    const isOwn = (await own()) > before
    await two.end()
    return isOwn ? 'own' : 'lane'
  }
  await until('it is known to share', async () => (await ran()) === 'lane')
  await one.query('create or replace view numbers as select four() as n')
  const sinceMs = performance.now()
  await until('it is known not to', async () => (await ran()) === 'own')
  // By itself a worker would look again after a minute.
  expect(performance.now() - sinceMs).toBeLessThan(30_000)
})

async function get(path: string): Promise<{ status: number; text: string }> {
  const { host, port } = proxy.metricsAddress as { host: string; port: number }
  const response = await fetch(`http://${host}:${port}${path}`)
  return { status: response.status, text: await response.text() }
}

async function figure(name: string): Promise<number> {
  const { text } = await get('/metrics')
  const line = text.split('\n').find((each) => each.startsWith(`pgherd_proxy_${name} `))
  return Number(line?.split(' ').at(-1))
}

test('figures are of all workers', async () => {
  const [one, two] = await onBoth()
  const answered = 'batch_duration_seconds_count'
  const before = await figure(answered)
  for (const client of [one, two, two]) await client.query('select stock from goods where id = 1')
  expect(await figure(answered)).toBe(before + 3)
  expect(await figure('clients{user="app",database="scratch",state="idle"}')).toBe(2)
  expect((await get('/readyz')).status).toBe(200)
  const { text } = await get('/metrics')
  const resident = Number(/^process_resident_memory_bytes (\d+)/m.exec(text)?.[1])
  expect(resident).toBeGreaterThan(process.memoryUsage.rss() + 60_000_000)
})

describe('a worker that dies', () => {
  test('is started again; only its own clients lose their connections', async () => {
    const events: string[] = []
    proxy.on('event', ({ kind }) => events.push(kind))
    const [one, two] = await onBoth()
    await one.query('select stock from goods where id = 1')
    await two.query('begin; update goods set stock = 8 where id = 8')
    const counted = await figure('batch_duration_seconds_count')
    const [pid] = await pidsOfWorkers()
    const gone = codeOf(one)
    process.kill(pid, 'SIGKILL')
    await gone
    // Meanwhile the other takes all that come, once it is known that there is one only.
    const late = await until('somebody comes in', () => connect(url).catch(() => null))
    expect(workerOf(late)).toBe(1)
    await two.query('commit')
    expect((await two.query('select stock from goods where id = 8')).rows).toEqual([{ stock: 8 }])
    await until('it is back', () => events.includes('worker-back'))
    expect((await pidsOfWorkers())[0]).not.toBe(pid)
    expect(events).toEqual(['worker-lost', 'worker-back'])
    // The place of the client that was lost is free, and no other.
    await proxy.reload({ ...options, maxClients: 3 })
    expect((await (await connect(url)).query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await expect(connect(url)).rejects.toMatchObject({ code: '53300' })
    expect(await figure('batch_duration_seconds_count')).toBeGreaterThan(counted)
    await proxy.reload(options)
  })

  test('comes back as paused as the others are', async () => {
    await proxy.pause(null)
    const [pid] = await pidsOfWorkers()
    process.kill(pid, 'SIGKILL')
    await until('it serves again', async () => (await pidsOfWorkers())[0] !== pid)
    const clients = await onBoth()
    const held = clients.map((client) => client.query('select 1 as one'))
    expect(await Promise.race([...held, sleep(200).then(() => 'waiting')])).toBe('waiting')
    await proxy.resume(null)
    for (const { rows } of await Promise.all(held)) expect(rows).toEqual([{ one: 1 }])
  })

  test('or hangs is ended, and started again; others are served meanwhile', async () => {
    const [pid] = await pidsOfWorkers()
    const [one, two] = await onBoth()
    process.kill(pid, 'SIGSTOP')
    const gone = codeOf(one)
    const next: pg.Client[] = []
    while (next.length < 4) next.push(await connect(url).catch(() => two))
    expect((await two.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await gone
    await until('it serves again', async () => (await pidsOfWorkers())[0] !== pid)
    expect(isAlive(pid)).toBe(false)
  })
})

test('a graceful stop lets transactions on every worker finish, and leaves no process', async () => {
  const other = await startProxy(options)
  const address = through(other, herd.dsn('main-1'))
  const busy = await onBoth(address)
  const idle = await onBoth(address)
  const { workers } = await other.look('workers')
  const told = idle.map(codeOf)
  for (const [at, client] of busy.entries()) {
    await client.query('begin')
    await client.query('update goods set stock = 99 where id = $1', [at + 1])
  }
  let isStopped = false
  const stopped = other.stop().then(() => {
    isStopped = true
  })
  expect(await Promise.all(told)).toEqual(['57P01', '57P01'])
  await expect(connect(address)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await busy[0].query('commit')
  expect(isStopped).toBe(false)
  await busy[1].query('commit')
  await stopped
  for (const { pid } of workers) expect(isAlive(pid as number)).toBe(false)
  const { rows } = await (await connect(url)).query('select id from goods where stock = 99 order by id')
  expect(rows).toEqual([{ id: 1 }, { id: 2 }])
})

test('a stop that may not wait ends who is there', async () => {
  const other = await startProxy(options)
  const [one] = await onBoth(through(other, herd.dsn('main-1')))
  await one.query('begin')
  const told = codeOf(one)
  const patient = other.stop()
  await other.close()
  await patient
  expect(await told).toBe('57P01')
})

test('I9: a port that is taken is told, and leaves no process', async () => {
  const before = await pidsOfWorkers()
  await expect(startProxy({ ...options, port: proxy.address.port })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  })
  expect(await pidsOfWorkers()).toEqual(before)
  await expect(
    startProxy({ ...options, nodes: [{ host: 'localhost', password: () => 'secret' }] }),
  ).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
})
