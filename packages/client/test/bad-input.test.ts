import type { AddressInfo } from 'node:net'
import { connect as connectTo, createServer, type Server, type Socket } from 'node:net'
import type { Herd } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createPool, type Pool, type PoolOptions } from '../src/index.js'
import { failureOf } from './failure-of.js'
import { connect, scratchHerd, scratchPool, unhurried } from './scratch-herd.js'

let herd: Herd
let dsn: string
let otherDsn: string
const servers: { server: Server; sockets: Set<Socket> }[] = []

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
  dsn = herd.dsn('main-1')
  const other = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
  otherDsn = other.dsn('main-1')
  await (await connect(dsn)).query('create table goods (id int primary key, name text)')
}, 120_000)

afterEach(async () => {
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
})

/** A port on which something listens that is no PostgreSQL. */
async function listen(answer: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    answer(socket)
  })
  servers.push({ server, sockets })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `postgres://app:secret@127.0.0.1:${(server.address() as AddressInfo).port}/app`
}

/** A port on which nothing listens. */
async function nobody(): Promise<string> {
  const url = await listen(() => {})
  const last = servers.pop() as (typeof servers)[0]
  await new Promise((resolve) => last.server.close(resolve))
  return url
}

const with_ = (change: (url: URL) => void): string => {
  const url = new URL(dsn)
  change(url)
  return url.href
}

/** Who waits for a node to come instead of being told waits for much longer than a test may take. */
const QUICK = { probe: { timeoutMs: 500 }, failoverWaitMs: 120_000 }
/** One sentence or more, and nothing of JavaScript's innards. */
const SENTENCE = /^[^\n]{10,}$/

/** Every way to use a pool, each failing. */
async function failures(pool: Pool): Promise<(Error & { code?: string })[]> {
  return Promise.all([
    failureOf(pool.query('select 1')),
    failureOf(pool.query('insert into goods values (1)')),
    failureOf(pool.connect()),
    failureOf(pool.connect({ readOnly: true })),
    failureOf(pool.transaction((tx) => tx.query('select 1'))),
    failureOf(pool.sessionToken()),
    failureOf(new Promise((_resolve, reject) => void pool.query('select 1', (error) => reject(error)))),
    failureOf(new Promise((_resolve, reject) => void pool.connect((error) => reject(error)))),
  ])
}

describe('options that make no sense', () => {
  const wrong: [string, PoolOptions][] = [
    ['no nodes', { nodes: [] }],
    ['a node that is no connection string', { nodes: ['localhost:5432'] }],
    ['an empty node', { nodes: [''] }],
    ['a port that is none', { nodes: ['postgres://app@localhost:99999/app'] }],
    ['a port in words', { nodes: ['postgres://app@localhost:five/app'] }],
    ['one node twice', { nodes: ['postgres://app@a/app', 'postgres://app@a:5432/app'] }],
    ['an unknown consistency', { nodes: ['postgres://a/b'], consistency: 'strong' as never }],
    ['staleness below zero', { nodes: ['postgres://a/b'], consistency: { bounded: { maxStalenessMs: -1 } } }],
    [
      'a policy of unknown consistency',
      { nodes: ['postgres://a/b'], policies: { a: { consistency: 'no' as never } } },
    ],
    ['a wait below zero', { nodes: ['postgres://a/b'], failoverWaitMs: -1 }],
    ['a wait that is no number', { nodes: ['postgres://a/b'], failoverWaitMs: '10' as never }],
    ['no time for probes', { nodes: ['postgres://a/b'], probe: { intervalMs: 0 } }],
    ['half a lane', { nodes: ['postgres://a/b'], lanes: { depth: 0 } }],
    ['more ports than hosts', { host: 'a,b', port: '1,2,3' as never }],
  ]
  test.each(wrong)('%s: OPTIONS_INVALID', (_name, options) => {
    let error: unknown
    try {
      void createPool(options)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(HerdError)
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID', message: expect.stringMatching(SENTENCE) })
  })

  test('an unknown policy and an unknown consistency of one query', async () => {
    const pool = scratchPool({ nodes: [dsn], policies: { stock: {} } })
    expect(() => pool.with('stok')).toThrow('There is no policy "stok"; this pool has: stock.')
    const query = { text: 'select 1', consistency: 'strict' as never }
    expect(await failureOf(pool.query(query))).toMatchObject({ code: 'OPTIONS_INVALID' })
    const unknown = pool.transaction((tx) => tx.query('select 1'), {
      readOnly: true,
      consistency: 'strict' as never,
    })
    expect(await failureOf(unknown)).toMatchObject({ code: 'OPTIONS_INVALID' })
    const connecting = pool.connect({ readOnly: true, consistency: 'strict' as never })
    expect(await failureOf(connecting)).toMatchObject({ code: 'OPTIONS_INVALID' })
  })
})

describe('nodes that cannot be used', () => {
  const expectUnreachable = async (nodes: string[], said: RegExp, options = {}): Promise<void> => {
    const pool = scratchPool({ nodes, ...QUICK, ...options })
    const startedMs = performance.now()
    for (const error of await failures(pool)) {
      expect(error).toBeInstanceOf(HerdError)
      expect(error).toMatchObject({ code: 'NODES_UNREACHABLE', message: expect.stringMatching(SENTENCE) })
      expect(error.message).toMatch(said)
    }
    expect(performance.now() - startedMs).toBeLessThan(30_000)
    await pool.end()
  }

  test('nobody listens: NODES_UNREACHABLE names every node and why', async () => {
    await expectUnreachable([await nobody(), await nobody()], /127.+ECONNREFUSED.+; 127.+ECONNREFUSED/)
  })

  test('a host that there is not', async () => {
    await expectUnreachable(['postgres://app@nowhere.invalid/app'], /nowhere\.invalid:5432 is left out: /)
  })

  // Who says nothing may only be slow: that is what failoverWaitMs is for.
  const SHORTLY = { failoverWaitMs: 1000 }

  test('something that takes connections and says nothing', async () => {
    await expectUnreachable([await listen(() => {})], /is left out: .*(no answer|timeout)/, SHORTLY)
  })

  test('a server that is slow to answer for the first time is waited for', async () => {
    const { hostname, port } = new URL(dsn)
    const isSlowUntilMs = performance.now() + 1500
    const slow = await listen((near) => {
      setTimeout(
        () => {
          const far = connectTo(Number(port), hostname)
          far.on('error', () => near.destroy())
          near.pipe(far).pipe(near)
        },
        Math.max(0, isSlowUntilMs - performance.now()),
      )
    })
    const url = new URL(dsn)
    url.port = new URL(slow).port
    const pool = scratchPool({ nodes: [url.href], ...QUICK })
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await pool.end()
  })

  test('something that closes every connection', async () => {
    await expectUnreachable([await listen((socket) => socket.end())], /is left out: .+/)
  })

  test('something that speaks another language', async () => {
    const http = await listen((socket) => socket.write('HTTP/1.1 400 Bad Request\r\nServer: none\r\n\r\n'))
    await expectUnreachable([http], /is left out: .+/, SHORTLY)
    const random = await listen((socket) =>
      socket.write(Buffer.from(Array.from({ length: 600 }, (_, at) => (at * 37) % 251))),
    )
    await expectUnreachable([random], /is left out: .+/, SHORTLY)
    const zeros = await listen((socket) => socket.write(Buffer.alloc(100)))
    await expectUnreachable([zeros], /is left out: .+/, SHORTLY)
  })

  test('a wrong password, role or database is the server’s own error, at once', async () => {
    const wrong: [string, RegExp][] = [
      [
        with_((url) => {
          url.password = 'wrong'
        }),
        /^28P01$/,
      ],
      [
        with_((url) => {
          url.username = 'nobody'
        }),
        /^28/,
      ],
      [
        with_((url) => {
          url.pathname = '/nowhere'
        }),
        /^3D000$/,
      ],
    ]
    for (const [node, code] of wrong) {
      const pool = scratchPool(unhurried({ nodes: [node], failoverWaitMs: QUICK.failoverWaitMs }))
      const startedMs = performance.now()
      for (const error of await failures(pool)) {
        expect(error.code).toMatch(code)
        expect(error.message).toMatch(SENTENCE)
      }
      expect(performance.now() - startedMs).toBeLessThan(30_000)
    }
  })

  test('no password at all', async () => {
    const pool = scratchPool({
      nodes: [
        with_((url) => {
          url.password = ''
        }),
      ],
    })
    for (const error of await failures(pool)) expect(error.message).toMatch(/password/)
  })

  test('TLS that the server does not have', async () => {
    const pool = scratchPool({ nodes: [dsn], ssl: true })
    for (const error of await failures(pool))
      expect(error.message).toBe('The server does not support SSL connections')
  })

  test('nodes of different clusters: CLUSTERS_MIXED names each with its own', async () => {
    const pool = scratchPool({ nodes: [dsn, otherDsn] })
    for (const error of await failures(pool)) {
      expect(error).toMatchObject({ code: 'CLUSTERS_MIXED' })
      expect(error.message).toMatch(/^The nodes belong to different clusters, .+ has \d+, .+ has \d+\.$/)
    }
  })

  test('one of two that cannot be reached is no error', async () => {
    const pool = scratchPool(unhurried({ nodes: [await nobody(), dsn] }))
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })
})

describe('used when it is over', () => {
  test('a pool that was ended says POOL_CLOSED to everything', async () => {
    const policies = { quick: {} }
    const pool = scratchPool({ nodes: [dsn], policies })
    await pool.query('select 1')
    await pool.end()
    for (const error of [
      ...(await failures(pool)),
      await failureOf(pool.end()),
      await failureOf(pool.with('quick').query('select 1')),
      await failureOf(pool.with('quick').transaction(async () => 1)),
    ])
      expect(error).toMatchObject({ code: 'POOL_CLOSED', message: expect.stringMatching(SENTENCE) })
  })

  test('a client that was released says CLIENT_RELEASED', async () => {
    const pool = scratchPool({ nodes: [dsn] })
    const client = await pool.connect()
    client.release()
    expect(await failureOf(client.query('select 1'))).toMatchObject({ code: 'CLIENT_RELEASED' })
    const told = new Promise((_resolve, reject) => void client.query('select 1', (error) => reject(error)))
    expect(await failureOf(told)).toMatchObject({ code: 'CLIENT_RELEASED' })
    expect(() => client.release()).toThrow(expect.objectContaining({ code: 'CLIENT_RELEASED' }))
  })

  test('a transaction that was kept says CLIENT_RELEASED', async () => {
    const pool = scratchPool({ nodes: [dsn] })
    const kept = await pool.transaction(async (tx) => tx)
    expect(await failureOf(kept.query('select 1'))).toMatchObject({ code: 'CLIENT_RELEASED' })
  })
})

describe('statements and values that cannot be sent', () => {
  const circular: Record<string, unknown> = {}
  circular.self = circular
  const values: [string, unknown[]][] = [
    ['an object that contains itself', [circular]],
    ['a number too big for JSON', [{ n: 10n }]],
    [
      'an object that fails to turn itself into text',
      [
        {
          toPostgres: () => {
            throw new Error('no')
          },
        },
      ],
    ],
    ['65,536 values', new Array(65_536).fill(1)],
    ['values that are no array', 'x' as never],
  ]
  test.each(values)('%s: VALUES_INVALID, for reads and writes', async (_name, given) => {
    const pool = scratchPool({ nodes: [dsn] })
    for (const text of ['select $1::text', 'insert into goods values (1, $1)']) {
      const error = await failureOf(pool.query(text, given))
      expect(error).toMatchObject({ code: 'VALUES_INVALID', message: expect.stringMatching(SENTENCE) })
    }
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('no statement, or one that is no text: VALUES_INVALID', async () => {
    const pool = scratchPool({ nodes: [dsn] })
    for (const input of [null, undefined, 7, {}, { text: 7 }, [], 'select \0 1', { values: [1] }])
      expect(await failureOf(pool.query(input as never)), JSON.stringify(input)).toMatchObject({
        code: 'VALUES_INVALID',
        message: expect.stringMatching(SENTENCE),
      })
  })

  test('65,535 values are taken', async () => {
    const pool = scratchPool({ nodes: [dsn] })
    const given = Array.from({ length: 65_535 }, (_, at) => at)
    const list = given.map((at) => `$${at + 1}::int`).join(',')
    expect((await pool.query(`select array[${list}] as all`, given)).rows[0].all).toHaveLength(65_535)
  })

  test('too few, too many and wrong values are the server’s error, for reads and writes, and said once', async () => {
    const pool = scratchPool({ nodes: [dsn] })
    for (const [text, given, code] of [
      ['select $1::int, $2::int', [1], '08P01'],
      ['select $1::int', [1, 2], '08P01'],
      ['select $1::int', ['x'], '22P02'],
      ['select $1::text', ['a\0b'], '22021'],
      ['insert into goods values ($1, $2)', [1], '08P01'],
      ['insert into goods values ($1, $2)', ['x', 'y'], '22P02'],
      ['select $1', [], '08P01'],
    ] as const) {
      expect(await failureOf(pool.query(text, [...given])), text).toMatchObject({ code })
      const inside = pool.transaction((tx) => tx.query(text, [...given]), { retry: true })
      expect(await failureOf(inside), text).toMatchObject({ code })
    }
    expect(pool.statistics).toMatchObject({ repeats: 0, unknown: 0 })
  })

  test('a statement and a value of megabytes go through, and hold no neighbour up', async () => {
    const pool = scratchPool({ nodes: [dsn] })
    const long = 'x'.repeat(8_000_000)
    const [{ rows: literal }, { rows: value }, { rows: small }, { rowCount }] = await Promise.all([
      pool.query(`select length('${long}') as n`),
      pool.query('select length($1) as n, $1 as long', [long]),
      pool.query('select 1 as one'),
      pool.query('insert into goods values (100, $1)', [long]),
    ])
    expect([literal[0].n, value[0].n, value[0].long === long, small, rowCount]).toEqual([
      8e6,
      8e6,
      true,
      [{ one: 1 }],
      1,
    ])
    expect(await failureOf(pool.query(`select '${long}' frm nowhere at all`))).toMatchObject({
      code: '42601',
    })
    const wide = `select ${Array.from({ length: 1600 }, (_, at) => `${at} as c${at}`).join(', ')}`
    expect(Object.keys((await pool.query(wide)).rows[0])).toHaveLength(1600)
    const many = Array.from({ length: 20_000 }, (_, at) => at).join(',')
    expect(
      (await pool.query(`select count(*)::int as n from generate_series(1, 10) g where g in (${many})`)).rows,
    ).toEqual([{ n: 10 }])
  })

  test('what is nested too deep for a parser is the server’s to refuse', async () => {
    const pool = scratchPool(unhurried({ nodes: [dsn] }))
    const deep = [
      `select ${'('.repeat(5000)}1${')'.repeat(5000)} as one`,
      `select ${'1+'.repeat(20_000)}1 as many`,
      `select ${'- '.repeat(10_000)}1 as one`,
      `${'select * from ('.repeat(3000)}select 1 as one${') q'.repeat(3000)}`,
      '('.repeat(100_000),
    ]
    for (const text of deep) {
      const answer = await pool.query(text).catch((error) => error)
      if (answer instanceof Error)
        expect((answer as { code?: string }).code, text.slice(0, 30)).toMatch(/^(54001|42601)$/)
      else expect(answer.rowCount).toBe(1)
      // The parser is as good as before.
      const before = pool.statistics.statements.primary.lane
      expect((await pool.query(`select ${before} as n, id from goods where id = $1`, [-1])).rowCount).toBe(0)
      expect(pool.statistics.statements.primary.lane).toBe(before + 1)
    }
  })
})
