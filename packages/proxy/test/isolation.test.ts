import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Random } from '../../../test/random.js'
import { connect, nodesOfHerd, scratchHerd, until } from '../../../test/scratch-herd.js'
import { WireProxy } from '../src/index.js'
import { copyData, query, RawClient } from './raw-client.js'
import { type Act, randomScript } from './session-script.js'

const CLIENTS = Number(process.env.PGHERD_ISOLATION_CLIENTS ?? 50)
const ROUNDS = Number(process.env.PGHERD_ISOLATION_ROUNDS ?? 1)
const SEED = Number(process.env.PGHERD_ISOLATION_SEED ?? 1)
const ACTS = 60

let herd: Herd
let proxy: WireProxy
let direct: URL
let through: URL

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 2 }]')
  proxy = await WireProxy.start({
    nodes: await nodesOfHerd(herd, 'superuser'),
    port: 0,
    // Fewer than clients, so that they must share.
    maxServers: 5,
    lanes: { max: 1 },
  })
  direct = new URL(herd.dsn((herd.primaryOf() as { name: string }).name))
  through = new URL(direct)
  through.port = String(proxy.address.port)
  const admin = await connect(herd.dsn((herd.primaryOf() as { name: string }).name, 'superuser'))
  await admin.query('create role reader; grant reader to app')
  await admin.query('grant create on database scratch to app; grant create on schema public to app')
  const app = await connect(direct.href)
  await app.query('create schema other; create table rows (owner int, n int); create sequence numbers')
  await app.query(`create function remember(text) returns text language sql volatile as
    $$ select set_config('my.own', $1, false) $$`)
  await app.query(`create function setting_of(text) returns text language sql stable as
    $$ select current_setting($1, true) $$`)
}, 120_000)

afterAll(() => proxy.close())

/** A client and all it has been told, without what is chance. */
class Player {
  readonly heard: string[] = []
  readonly #client: pg.Client

  constructor(url: URL) {
    this.#client = new pg.Client({ connectionString: url.href })
    this.#client.on('error', (error) => this.heard.push(`lost: ${error.message}`))
    this.#client.on('notification', ({ channel, payload }) =>
      this.heard.push(`notified: ${channel} ${payload}`),
    )
    this.#client.on('notice', ({ message }) => this.heard.push(`notice: ${message}`))
  }

  async begin(): Promise<void> {
    await this.#client.connect()
  }

  async play(act: Act): Promise<void> {
    const told = this.heard.length
    try {
      const result = await this.#client.query(configOf(act) as pg.QueryArrayConfig)
      const results = Array.isArray(result) ? (result as pg.QueryArrayResult[]) : [result]
      this.heard.push(
        `${describe(act)} -> ${results.map(({ command, rows }) => `${command} ${JSON.stringify(rows)}`).join('; ')}`,
      )
    } catch (error) {
      const { code, message } = error as pg.DatabaseError
      this.heard.push(`${describe(act)} -> ${code} ${message}`)
    }
    // Whether a notice or notification comes before or after an answer is not what this is about.
    this.heard.push(...this.heard.splice(told).sort())
  }

  async end(): Promise<void> {
    await this.#client.end()
  }
}

const describe = (act: Act): string => (act.kind === 'text' ? act.text : `${act.text} [${act.value}]`)

function configOf(act: Act): object {
  if (act.kind === 'text') return { text: act.text, rowMode: 'array' }
  const { text, value } = act
  return { ...(act.kind === 'prepared' ? { name: act.name } : {}), text, values: [value], rowMode: 'array' }
}

async function playAlone(script: Act[]): Promise<string[]> {
  const player = new Player(direct)
  await player.begin()
  for (const act of script) await player.play(act)
  await player.end()
  return player.heard
}

const rounds = Array.from({ length: ROUNDS }, (_, at) => SEED + at)

test.each(rounds)(
  'I6: whatever clients do beside each other, each hears what it would alone (seed %i)',
  { timeout: 600_000 },
  async (seed) => {
    const random = new Random(seed)
    const scripts = Array.from({ length: CLIENTS }, (_, id) => randomScript(random, id + 1, ACTS))
    const app = await connect(direct.href)
    const wanted: string[][] = []
    await app.query('truncate rows')
    for (const script of scripts) wanted.push(await playAlone(script))
    await app.query('truncate rows')
    const players = scripts.map(() => new Player(through))
    await Promise.all(players.map((player) => player.begin()))
    await Promise.all(
      players.map(async (player, at) => {
        for (const act of scripts[at] as Act[]) await player.play(act)
        await player.end()
      }),
    )
    for (const [at, player] of players.entries()) expect(player.heard, `client ${at + 1}`).toEqual(wanted[at])
  },
)

test('I6: not even the name of a setting of somebody’s own stays behind', async () => {
  const other = await connect(through.href)
  for (const text of [
    `set my.other = 'x'`,
    `select set_config('my.other', 'x', false)`,
    `do $$ begin perform set_config('my.other', 'x', false); end $$`,
  ]) {
    const one = await connect(through.href)
    await one.query(text)
    await one.end()
    await other.query('begin')
    const { rows } = await other.query(`select current_setting('my.other', true) as own`)
    expect(rows, text).toEqual([{ own: null }])
    await other.query('rollback')
  }
})

test('I6: statements of others can neither be listed nor run, under whatever name', async () => {
  const [one, other] = [await connect(through.href), await connect(through.href)]
  const secret = `select 'the secret of one' || $1 as text`
  for (let times = 0; times < 3; times++) {
    await one.query({ name: 'mine', text: secret, values: ['!'] })
    await one.query('begin')
    await one.query({ name: 'mine', text: secret, values: ['!'] })
    await one.query('commit')
  }
  for (const around of [false, true]) {
    if (around) await other.query('begin')
    const { rows } = await other.query(
      `select count(*)::int as n from pg_prepared_statements where statement ~ 'of one'`,
    )
    expect(rows).toEqual([{ n: 0 }])
    if (around) await other.query('rollback')
    for (let number = 1; number < 20; number++) {
      await expect(other.query(`execute pgherd_${number}('?')`)).rejects.toMatchObject({ code: '26000' })
    }
  }
  expect((await one.query({ name: 'mine', text: secret, values: ['!'] })).rows).toEqual([
    { text: 'the secret of one!' },
  ])
})

test.each([
  `select set_config('my.own', '1', true)`,
  `set work_mem = '2MB'`,
  'prepare p as select 1',
  'declare c cursor for select 1',
  'select pg_try_advisory_lock(1)',
  'listen x',
])('after %s in a READ ONLY transaction the session still writes', async (text) => {
  const client = await connect(through.href)
  let where = ''
  await until('a transaction begins on a standby', async () => {
    await client.query('begin read only')
    where = JSON.stringify((await client.query('select pg_is_in_recovery() as standby')).rows)
    if (where === '[{"standby":true}]') return true
    await client.query('rollback')
    return false
  })
  await client.query(text)
  await expect(client.query('insert into rows values (0, 0)')).rejects.toMatchObject({ code: '25006' })
  await client.query('rollback')
  expect((await client.query('insert into rows values (0, 0)')).rowCount).toBe(1)
})

test('I6: what follows a COPY that failed is not run on a connection that others get', async () => {
  const app = await connect(direct.href)
  const doubtful = `select count(*)::int as n from pg_stat_activity where usename = 'app' and state like 'idle in transaction%'`
  const other = await connect(through.href)
  for (let round = 0; round < 20; round++) {
    const client = await RawClient.open(through.href)
    client.send(query('copy rows from stdin'))
    await client.hear('G')
    // The first query ends the COPY with an error; those behind it are no part of it.
    client.send(
      copyData('1\t1\n'),
      query('select 1'),
      query('begin'),
      query('create temp table leaked (id int)'),
    )
    await Promise.race([client.hear('Z', 3), until('it is told off', () => client.closed)])
    client.end()
    await other.query('begin')
    await expect(other.query('insert into leaked values (1)')).rejects.toMatchObject({ code: '42P01' })
    await other.query('rollback')
  }
  await until('no transaction stays open', async () => (await app.query(doubtful)).rows[0].n === 0)
})
