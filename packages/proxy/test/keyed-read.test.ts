import type { Herd } from '@pgherd/cluster'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, nodesOfHerd, PATIENCE_MS, scratchHerd } from '../../../test/scratch-herd.js'
import { WireProxy } from '../src/index.js'
import { query, RawClient, readable } from './raw-client.js'

let herd: Herd
let proxy: WireProxy
let direct: string
let through: string

/** By type: what a column of it is compared with. The first of each are keys as they should be. */
const LITERALS: Readonly<Record<string, readonly string[]>> = {
  int2: ['1', '2', `'3'`, '70000', '-1'],
  int4: ['1', '2', '3', '999999999', '2147483648', '-2', '1_0', '0x1F', '1.0', `'2'`, `'two'`, 'null'],
  int8: ['1', '2', '99999999999', `'4'`],
  numeric: ['1', '2.50', `'1'`, `'NaN'`],
  float8: ['1', '2', `'infinity'`, '1e0'],
  bool: [`'t'`, `'off'`, 'true', `'maybe'`],
  'char(5)': [`'ab'`, `'ab   '`, `'abcdefgh'`, '1'],
  varchar: [`'ab'`, `''`, `'it''s'`, `'ä'`, `'a\\b'`, `E'a\\tb'`, `U&'\\0061b'`, '$$ab$$', '7'],
  text: [`'ab'`, `'AB'`, `'x' 'y'`, `'x'\n'y'`, `'$1'`, `''''`, 'null'],
  uuid: [`'0ecf1d9c-1c2d-4b6e-8a52-000000000001'`, `'no uuid'`],
  date: [`'2020-02-29'`, `'today'`, `'2020-02-30'`],
  timestamptz: [`'2020-02-29 13:14+02'`, `'now'`, `'infinity'`],
  mood: [`'sad'`, `'glad'`, `'angry'`],
  jsonb: [`'{"a": 1}'`, `'{'`],
  short: [`'ab'`, `'abcdef'`],
  oid: ['1', `'1259'`],
  bytea: [`'\\x6162'`, `'ab'`],
  interval: [`'1 day'`, `'24 hours'`, '1'],
  'int4[]': [`'{1,2}'`, `'{1'`],
  tenant: ['1', `'2'`],
}
const COLUMNS = Object.keys(LITERALS).map((type, at) => ({ type, name: `c${at}` }))
const SHOWN = ['*', 'c1, c8', 'count(*)', 'c1 + 1 as more', 'upper(c7), c7', 'c1 as "select"', 'distinct c6']
const ENDS = ['', ';', ' order by c1', ' order by 1 limit 2', ' for update', ' /* the end */']

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
  proxy = await WireProxy.start({
    nodes: await nodesOfHerd(herd, 'superuser'),
    port: 0,
    lanes: { patienceMs: PATIENCE_MS, max: 1 },
    probe: { timeoutMs: PATIENCE_MS },
  })
  direct = herd.dsn((herd.primaryOf() as { name: string }).name)
  const url = new URL(direct)
  url.port = String(proxy.address.port)
  through = url.href
  const admin = await connect(direct)
  await admin.query(`create type mood as enum ('sad', 'glad')`)
  await admin.query('create domain short as text check (length(value) < 5)')
  await admin.query('create domain tenant as int')
  await admin.query(`create table kept (${COLUMNS.map(({ name, type }) => `${name} ${type}`).join(', ')})`)
  for (let row = 0; row < 3; row++) {
    const values = COLUMNS.map(({ type }) => LITERALS[type]?.[row > 0 && type === 'mood' ? 1 : 0])
    await admin.query(`insert into kept values (${values.join(', ')})`)
  }
  await admin.query('insert into kept (c1) values (2), (3), (null)')
}, 120_000)

afterAll(() => proxy.close())

/** What a client hears of each of `texts`, byte for byte. */
async function ask(url: string, texts: readonly string[]): Promise<string[][]> {
  const client = await RawClient.open(url)
  const heard: string[][] = []
  for (const text of texts) {
    client.send(query(text))
    heard.push(readable(await client.hear('Z')))
  }
  client.end()
  return heard
}

/** Texts on lanes of the server that are prepared there. */
async function preparedOnLanes(): Promise<string[]> {
  const admin = await connect(herd.dsn((herd.primaryOf() as { name: string }).name, 'superuser'))
  const { rows } = await admin.query<{ query: string }>(
    `select query from pg_stat_activity where usename = 'app' and query like '%$1%' and pid <> pg_backend_pid()`,
  )
  return rows.map(({ query: text }) => text)
}

test('what a column is compared with makes no difference to the bytes of an answer', async () => {
  const texts: string[] = []
  for (const [at, { type, name }] of COLUMNS.entries())
    for (const [turn, shown] of SHOWN.entries()) {
      const literals = LITERALS[type] as readonly string[]
      const other = COLUMNS[(at + turn) % COLUMNS.length] as (typeof COLUMNS)[number]
      // Often enough that shapes are prepared, and every literal after that.
      for (const literal of [...Array(6).fill(literals[0]), ...literals, ...literals]) {
        const more = turn % 2 === 0 ? '' : ` and ${other.name} = ${LITERALS[other.type]?.[0]}`
        texts.push(`select ${shown} from kept where ${name} = ${literal}${more}${ENDS[turn % ENDS.length]}`)
      }
      for (let times = 0; times < 7; times++)
        texts.push(`select ${shown} from kept where ${name} in (${literals[times % 2]}, ${literals[0]})`)
    }
  const wanted = await ask(direct, texts)
  const heard = await ask(through, texts)
  for (const [at, text] of texts.entries()) expect(heard[at], text).toEqual(wanted[at])
  expect(texts.length).toBeGreaterThan(2000)
}, 120_000)

test('reads that differ in their keys are one prepared statement', async () => {
  await ask(
    through,
    Array.from({ length: 10 }, (_, id) => `select c8 from kept where c1 = ${id} and c7 = 'k${id}'`),
  )
  expect(await preparedOnLanes()).toContain('select c8 from kept where c1 = $1 and c7 = $2')
})

test('an error is about the text as it came, and does not last', async () => {
  const good = Array.from(
    { length: 6 },
    (_, at) => `select c9 from kept where c9 = '0ecf1d9c-0000-0000-0000-00000000000${at}'`,
  )
  const texts = [...good, `select   c9 from kept where c9 = 'none'`, ...good]
  const heard = await ask(through, texts)
  expect(heard).toEqual(await ask(direct, texts))
  expect(heard[6]?.join()).toContain('invalid input syntax for type uuid')
})

test('a table that changes its columns is answered from as it is', async () => {
  const admin = await connect(direct)
  await admin.query('create table changing (id int primary key, a int)')
  await admin.query('insert into changing values (1, 2)')
  const read = Array.from({ length: 8 }, () => 'select * from changing where id = 1')
  await ask(through, read)
  for (const change of ['add b text default 3', 'alter column a type text', 'drop b', 'rename a to z']) {
    await admin.query(`alter table changing ${change}`)
    expect(await ask(through, read), change).toEqual(await ask(direct, read))
  }
  await admin.query('drop table changing')
  expect(await ask(through, read)).toEqual(await ask(direct, read))
})
