// What it costs that tables are spread: the same statements on a sharded herd and on one server, by turns.
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createPool } from '@pgherd/client'
import { openHerd } from '@pgherd/cluster'
import { parseSpec } from '@pgherd/core/spec'
import { from as copyFrom } from 'pg-copy-streams'
import { contest } from './contest.mjs'
import { median, report, spread } from './figures.mjs'
import { chooseOptions } from './options.mjs'
import { findProgram } from './peers/debian-program.mjs'
import { startPgherdProxy } from './peers/pgherd-proxy.mjs'
import { runProgram } from './proxy/run-program.mjs'
import { makeScratch } from './scratch.mjs'

const CASES = [
  ...['keyed', 'keyed-one', 'keyed-by-hand', 'keyed-proxy', 'keyed-proxy-one'],
  ...['scatter', 'first-rows', 'ordered-rows'],
  ...['two-phase', 'insert', 'large-insert', 'copy'],
]
const { rounds, seconds, cases } = chooseOptions(process.argv.slice(2), CASES)
const SHARDED = 'sharded herd'
const PLAIN = 'one server'
const ONE_SHARD = 'herd of one shard'
const BY_HAND = 'as many servers'
const ROWS = 200_000
const ROWS_AN_INSERT = 1000
const ROWS_A_LARGE_INSERT = 10_000
const ROWS_A_COPY = 200_000
const COPY_PIECE_BYTES = 65_536
/** Rows that are sorted, and what the process that reads them may need more than before. */
const EVENTS = Number(process.env.PGHERD_ROWS ?? 4_000_000)
const MOST_READER_MIB = 64
const CALLERS = 32
const PROXY_CLIENTS = 16
const TABLE = 'create table users (id bigint primary key, name text, region text, score int)'
const REGIONS = ['north', 'south', 'east', 'west', 'middle']

const scratch = makeScratch()
const specs = {
  [SHARDED]: `name: sharded
port: auto
proxy: false
groups: [{ name: home, nodes: 1 }, { name: s, count: 4, nodes: 1 }]
sharding: { groups: [s1, s2, s3, s4], tables: { users: { key: id }, scores: { key: id }, copied: { key: id }, events: { key: id } } }`,
  [PLAIN]: 'name: plain\nport: auto\nproxy: false\ngroups: [{ name: home, nodes: 1 }]',
}
/** What planning costs, where no more servers than one share the machine. */
if (cases.includes('keyed-one') || cases.includes('keyed-proxy-one'))
  specs[ONE_SHARD] = specs[SHARDED]
    .replace('name: sharded', 'name: one')
    .replace('count: 4', 'count: 1')
    .replace('s1, s2, s3, s4', 's1')
/** And where as many do: each is asked by a program that knows where its rows are. */
const others = cases.includes('keyed-by-hand') ? ['second', 'third', 'fourth'] : []
for (const name of others) specs[name] = specs[PLAIN].replace('name: plain', `name: ${name}`)
const herds = []
const pools = {}
const proxies = {}
/** Of the plain server two rows are on the same shard; on shards 1 and 2 are ids of two of them. */
let apart = []

async function open() {
  for (const [name, yaml] of Object.entries(specs)) {
    const herd = await openHerd({
      spec: parseSpec(yaml, 'bench'),
      stateDir: join(scratch.dir, name.replace(' ', '-')),
    })
    herds.push(herd)
    await herd.whenWhole()
    const pool = createPool({ nodes: [herd.dsn(herd.primaryOf('home').name)], max: 16 })
    pools[name] = pool
    await pool.query(TABLE)
    await pool.query('create table scores (id bigint primary key, score int)')
    await pool.query(TABLE.replace('users', 'copied'))
    for (let first = 0; first < ROWS; first += ROWS_AN_INSERT)
      await pool.query(insertOf(first, ROWS_AN_INSERT))
    await pool.query(
      `insert into scores values ${Array.from({ length: 400 }, (_, id) => `(${id}, 0)`).join(', ')}`,
    )
  }
  apart = await idsApart()
}

function insertOf(first, count) {
  const rows = Array.from({ length: count }, (_, at) => {
    const id = first + at
    return `(${id}, 'user ${id}', '${REGIONS[id % REGIONS.length]}', ${(id * 7919) % 1000})`
  })
  return `insert into users values ${rows.join(', ')}`
}

/** Pairs of ids on two shards, as many as there are callers. */
async function idsApart() {
  const { shards, owners } = herds[0].placement().map
  const { locateKey } = await import('@pgherd/core/sharding')
  if (owners.length === 0 || shards.length < 2) throw new Error('there are no shards')
  const on = (shard) =>
    Array.from({ length: 400 }, (_, id) => id).filter(
      (id) => locateKey(herds[0].placement().map, 'int8', id) === shard,
    )
  const [one, other] = [on(0), on(1)]
  return one
    .slice(0, CALLERS)
    .map((id, at) => ({ near: [id, one[(at + CALLERS) % one.length]], far: [id, other[at]] }))
}

/** How often `work` is done a second by so many at once. */
async function rateOf(callers, work) {
  const until = performance.now() + seconds * 1000
  let done = 0
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let turn = 0; performance.now() < until; turn++) {
        await work(caller, turn)
        done++
      }
    }),
  )
  return (done * 1000) / (performance.now() - startedAt)
}

/** Through a proxy in a process of its own, by clients that prepare the statement once. */
async function proxyRate(name) {
  const herd = herds[Object.keys(specs).indexOf(name)]
  const home = herd.primaryOf('home').name
  proxies[name] ??= await startPgherdProxy({
    dir: scratch.dir,
    primary: herd.dsn(home),
    superuserNodes: [herd.dsn(home, 'superuser')],
  })
  const script = join(scratch.dir, 'keyed.sql')
  writeFileSync(script, `\\set id random(0, ${ROWS - 1})\nselect name from users where id = :id;\n`)
  const { output } = await runProgram(
    findProgram('pgbench', 'postgresql-contrib'),
    ['-n', '-f', script, '-M', 'prepared', '-c', String(PROXY_CLIENTS), '-j', '2', '-T', String(seconds)],
    { url: proxies[name].url, patienceSeconds: seconds + 60 },
  )
  return Number(/^tps = ([\d.]+) \(without/m.exec(output)[1])
}

/** Rows as text, in pieces as a file is read. */
function* eventPieces() {
  for (let first = 0; first < EVENTS; first += ROWS_AN_INSERT) {
    let text = ''
    for (let id = first; id < Math.min(EVENTS, first + ROWS_AN_INSERT); id++)
      text += `${id}\tevent ${id}\t${(id * 7919) % 1_000_003}\n`
    yield Buffer.from(text)
  }
}

let hasEvents = false

/** Only where they are read: that takes a while. */
async function makeEvents() {
  if (hasEvents) return
  hasEvents = true
  for (const pool of Object.values(pools)) {
    await pool.query('create table events (id bigint primary key, name text, score int)')
    const client = await pool.connect()
    await pipeline(Readable.from(eventPieces()), client.query(copyFrom('copy events from stdin')))
    client.release()
    await pool.query('vacuum analyze events')
  }
}

const readings = []

/** All rows of a table in their order, read by a process of its own: rows a second. */
async function orderedRate(name) {
  await makeEvents()
  const herd = herds[Object.keys(specs).indexOf(name)]
  const env = {
    ...process.env,
    DSN: herd.dsn(herd.primaryOf('home').name),
    TEXT: 'select id, name from events order by id',
  }
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [fileURLToPath(new URL('ordered-reader.mjs', import.meta.url))],
    { env },
  )
  const { rows, ms, firstMs, grownMib } = JSON.parse(stdout)
  if (rows !== EVENTS) throw new Error(`${rows} rows were read`)
  if (name === SHARDED) readings.push({ firstPart: firstMs / ms, grownMib })
  return (rows * 1000) / ms
}

let next = ROWS

function insertRate(name, rows) {
  return rateOf(4, async () => {
    const first = next
    next += rows
    await pools[name].query(insertOf(first, rows))
  })
}

/** Rows as text, in pieces as a file is read. */
function makeCopyPieces() {
  const rows = Array.from(
    { length: ROWS_A_COPY },
    (_, id) => `${id}\tuser ${id}\t${REGIONS[id % REGIONS.length]}\t${(id * 7919) % 1000}\n`,
  )
  const bytes = Buffer.from(rows.join(''))
  const pieces = []
  for (let at = 0; at < bytes.length; at += COPY_PIECE_BYTES)
    pieces.push(bytes.subarray(at, at + COPY_PIECE_BYTES))
  return pieces
}

/** Rows a second, the truncation of what came before left out. */
async function copyRate(pool, pieces) {
  const client = await pool.connect()
  let rows = 0
  let spentMs = 0
  while (spentMs < seconds * 1000) {
    await client.query('truncate copied')
    const startedAt = performance.now()
    const stream = client.query(copyFrom('copy copied from stdin'))
    await pipeline(Readable.from(pieces), stream)
    spentMs += performance.now() - startedAt
    if (stream.rowCount !== ROWS_A_COPY) throw new Error(`${stream.rowCount} rows were copied`)
    rows += stream.rowCount
  }
  client.release()
  return (rows * 1000) / spentMs
}

let copyPieces = null

/** `poolOf`: whom a key is asked of. */
function keyedRate(poolOf) {
  return rateOf(CALLERS, async (caller, turn) => {
    const id = (caller * 7919 + turn * 104_729) % ROWS
    const { rows } = await poolOf(id).query('select name from users where id = $1', [id])
    if (rows[0]?.name !== `user ${id}`) throw new Error('another row than was asked for')
  })
}

function playByHand(name) {
  if (name === SHARDED) return keyedRate(() => pools[SHARDED])
  const all = [PLAIN, ...others].map((each) => pools[each])
  return keyedRate((id) => all[(id >>> 2) % all.length])
}

const PLAYS = {
  keyed: { names: [SHARDED, PLAIN], play: (name) => keyedRate(() => pools[name]) },
  'keyed-one': { names: [ONE_SHARD, PLAIN], play: (name) => keyedRate(() => pools[name]) },
  'keyed-by-hand': { names: [SHARDED, BY_HAND], play: playByHand },
  'keyed-proxy': { names: [SHARDED, PLAIN], play: proxyRate },
  'keyed-proxy-one': { names: [ONE_SHARD, PLAIN], play: proxyRate },
  insert: { names: [SHARDED, PLAIN], play: (name) => insertRate(name, ROWS_AN_INSERT) },
  'large-insert': { names: [SHARDED, PLAIN], play: (name) => insertRate(name, ROWS_A_LARGE_INSERT) },
  copy: {
    names: [SHARDED, PLAIN],
    play: (name) => {
      copyPieces ??= makeCopyPieces()
      return copyRate(pools[name], copyPieces)
    },
  },
  scatter: {
    names: [SHARDED, PLAIN],
    play: (name) =>
      rateOf(1, async () => {
        const { rows } = await pools[name].query(
          'select region, count(*), sum(score) from users group by region order by region',
        )
        if (rows.length !== REGIONS.length) throw new Error('other groups than there are')
      }),
  },
  'first-rows': {
    names: [SHARDED, PLAIN],
    play: async (name) => {
      await makeEvents()
      return rateOf(1, async () => {
        const { rows } = await pools[name].query('select id, score from events order by score, id limit 100')
        if (rows.length !== 100) throw new Error('other rows than there are')
      })
    },
  },
  'ordered-rows': { names: [SHARDED, PLAIN], play: orderedRate },
  'two-phase': {
    names: ['two shards', 'one shard'],
    play: (name) =>
      rateOf(8, async (caller) => {
        const [one, other] = apart[caller][name === 'two shards' ? 'far' : 'near']
        await pools[SHARDED].transaction(async (transaction) => {
          await transaction.query('update scores set score = score + 1 where id = $1', [one])
          await transaction.query('update scores set score = score - 1 where id = $1', [other])
        })
      }),
  },
}

/** The least that the first may do of what the second does. */
const LEAST = {
  keyed: 0.95,
  'keyed-one': 0.95,
  'keyed-by-hand': 0.95,
  'keyed-proxy': 0.95,
  'keyed-proxy-one': 0.95,
  insert: 0.9,
  'large-insert': 0.9,
  copy: 0.9,
  scatter: 1 / 1.2,
  'first-rows': 1 / 1.2,
  'two-phase': 0.35,
}

let met = true
try {
  await open()
  const rows = []
  const details = {}
  for (const name of cases) {
    const { names, play } = PLAYS[name]
    const entries = names.map((each) => ({ name: each, open: () => {}, kill: () => {}, close: () => {} }))
    const outcomes = await contest(entries, rounds, ({ name: each }) => play(each))
    const [first, second] = names.map((each) => {
      const { rounds: rates, absent } = outcomes.get(each)
      if (absent) throw new Error(`${name}, ${each}: ${absent}`)
      return rates
    })
    details[name] = { [names[0]]: spread(first), [names[1]]: spread(second) }
    rows.push({ what: `${name}: ${names[0]}`, value: median(first), unit: '/s' })
    rows.push({ what: `${name}: ${names[1]}`, value: median(second), unit: '/s' })
    rows.push({
      what: `${name}: time of ${names[0]} over ${names[1]}`,
      value: median(second.map((rate, at) => rate / first[at])),
      limit: LEAST[name] === undefined ? undefined : Math.round(100 / LEAST[name]) / 100,
      unit: 'times',
    })
  }
  if (readings.length > 0) {
    rows.push({
      what: `ordered-rows: memory that ${EVENTS.toLocaleString('en')} rows take of their reader`,
      value: Math.max(...readings.map(({ grownMib }) => grownMib)),
      limit: MOST_READER_MIB,
      unit: 'MiB',
    })
    rows.push({
      what: 'ordered-rows: first row after that part of the time of all',
      value: median(readings.map(({ firstPart }) => firstPart)),
      limit: 0.5,
      unit: 'of it',
    })
  }
  met = report('sharded-herd', rows, { rounds, seconds, details })
} finally {
  await Promise.all(Object.values(pools).map((pool) => pool.end()))
  for (const proxy of Object.values(proxies)) await proxy.stop()
  for (const herd of herds) await herd.stop()
  scratch.remove()
}
process.exitCode = met ? 0 : 1
