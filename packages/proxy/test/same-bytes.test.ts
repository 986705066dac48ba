import type { Herd } from '@pgherd/cluster'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, nodesOfHerd, PATIENCE_MS, scratchHerd } from '../../../test/scratch-herd.js'
import { WireProxy } from '../src/index.js'
import { frame } from '../src/protocol/client-messages.js'
import {
  bind,
  close,
  copyData,
  copyDone,
  copyFail,
  describe,
  execute,
  flush,
  functionCall,
  parse,
  query,
  RawClient,
  readable,
  sync,
} from './raw-client.js'

let herd: Herd
let proxy: WireProxy
let direct: string
let through: string

beforeAll(async () => {
  herd = await scratchHerd()
  // Where statements go is not to depend on what else the machine does.
  proxy = await WireProxy.start({
    nodes: await nodesOfHerd(herd, 'superuser'),
    port: 0,
    lanes: { patienceMs: PATIENCE_MS },
    probe: { timeoutMs: PATIENCE_MS },
  })
  direct = herd.dsn((herd.primaryOf() as { name: string }).name)
  const url = new URL(direct)
  url.port = String(proxy.address.port)
  through = url.href
  const admin = await connect(direct)
  await admin.query('create table goods (id int primary key, name text, stock int check (stock >= 0))')
  await admin.query(`insert into goods select g, 'goods ' || g, 10 from generate_series(1, 50) g`)
  await admin.query(
    'create table notes (id serial primary key, goods int references goods deferrable initially deferred)',
  )
  await admin.query("create type mood as enum ('sad', 'glad')")
  await admin.query(`create function warn(text) returns text language plpgsql as
    $$ begin raise notice 'it is %', $1 using detail = 'more', hint = 'less'; return $1; end $$`)
  await admin.query(`create procedure twice(inout n int) language plpgsql as $$ begin n := n * 2; end $$`)
}, 120_000)

afterAll(() => proxy.close())

/** What is sent together; answered up to a message of one of the types, so often. */
interface Step {
  send: Buffer[]
  until?: [types: string, count: number]
}
type Script = Step[]

const say = (...send: Buffer[]): Step => ({ send })
const sayUntil = (types: string, count: number, ...send: Buffer[]): Step => ({ send, until: [types, count] })
const run = (text: string, values: (string | null)[] = []): Step =>
  say(parse('', text), bind('', values), describe('P', ''), execute(), sync)

/** A message in which a quoted ä stands for X, as LATIN1 has it. */
function latin1(message: Buffer): Buffer {
  const text = message.toString('latin1', 5).replaceAll('X', "'\xe4'")
  return frame(message[0] as number, [Buffer.from(text, 'latin1')])
}

const TYPES = [
  `true, 1::int2, 2::int4, 3::int8, 1.5::float4, 'nan'::float8, 12.340::numeric, 'a'::"char", 'b'::char(3), 'c'::varchar`,
  `'\\xdeadbeef'::bytea, '2020-02-29'::date, '13:14:15.5'::time, '13:14+02'::timetz, '2020-02-29 13:14'::timestamp`,
  `'2020-02-29 13:14+02'::timestamptz, '1 year 2 days 3 s'::interval, 'infinity'::timestamp, null::int, ''::text`,
  `'{"a": [1, null]}'::json, '{"a": [1, null]}'::jsonb, '<a/>'::text, '11010'::bit(5), '110'::varbit`,
  `'127.0.0.1/8'::inet, '10.0.0.0/8'::cidr, '08:00:2b:01:02:03'::macaddr, '0ecf1d9c-1c2d-4b6e-8a52-000000000001'::uuid`,
  `'(1,2)'::point, '((0,0),(1,1))'::box, '[1,5)'::int4range, '{[1,2),[4,9)}'::int4multirange, '0/16B3748'::pg_lsn`,
  `array[1,2,null], array[['a','b'],['c','d"']], '{}'::text[], row(1,'x',null), 'sad'::mood, 12.5::money, 'a b'::tsvector`,
]

const SCRIPTS: Record<string, Script> = {
  'one row': [say(query('select id, name from goods where id = 7'))],
  'no row, many rows': [
    say(query('select * from goods where false')),
    say(query('select * from goods order by id')),
  ],
  'empty queries': [say(query('')), say(query(' ; ')), say(query('-- nothing')), run('')],
  'several statements': [
    say(query('select 1; select 2, 3; update goods set stock = stock where id = 1')),
    say(query('select 1; select 1/0; select 2')),
    say(query('begin; select 1; commit; select 2')),
  ],
  'errors with all fields': [
    say(query('select 1/0')),
    say(query('selekt 1')),
    say(query('select nothing from goods')),
    say(query('insert into goods values (1)')),
    say(query('update goods set stock = -1 where id = 1')),
    say(query(`select 'x'::int`)),
    say(query('select * from nowhere')),
    run('select $1::int', ['x']),
    run('select $1::int', []),
  ],
  notices: [
    say(query(`select warn('late')`)),
    run('select warn($1)', ['early']),
    say(query('drop table if exists gone')),
  ],
  'a failed transaction': [
    say(query('begin')),
    say(query('select 1/0')),
    say(query('select 1')),
    run('select 1'),
    say(query('rollback')),
    say(query('select 1')),
    say(query('begin')),
    say(query('select 1/0')),
    say(query('commit')),
  ],
  'transactions and savepoints': [
    say(query('begin isolation level serializable')),
    say(query('insert into goods values (1000, $$x$$, 1)')),
    say(query('savepoint a')),
    say(query('insert into goods values (1000, $$x$$, 1)')),
    say(query('rollback to a')),
    say(query('select stock from goods where id = 1000')),
    say(query('rollback')),
    say(query('commit')),
    say(query('begin; insert into notes (goods) values (77777)')),
    say(query('commit')),
  ],
  'the extended protocol': [
    say(parse('a', 'select name, stock from goods where id = $1 or name = $2'), describe('S', 'a'), sync),
    say(bind('a', ['3', 'x']), describe('P', ''), execute(), sync),
    say(bind('a', ['4', 'x'], { resultFormat: 1 }), execute(), sync),
    say(bind('a', ['5', null]), execute(), bind('a', ['6', null]), execute(), sync),
    say(close('S', 'a'), sync),
    say(bind('a', ['3', 'x']), execute(), sync),
  ],
  'names that are taken, unknown or closed twice': [
    say(parse('b', 'select 1'), sync),
    say(parse('b', 'select 2'), sync),
    say(bind('b'), execute(), sync),
    say(bind('nothing'), execute(), sync),
    say(describe('S', 'nothing'), sync),
    say(describe('P', 'nothing'), sync),
    say(execute('nothing'), sync),
    say(close('S', 'nothing'), close('P', 'nothing'), sync),
    say(close('S', 'b'), parse('b', 'select 3'), bind('b'), execute(), sync),
  ],
  'the unnamed statement over several batches': [
    say(parse('', 'select id from goods where id = $1', [23]), sync),
    say(bind('', ['3']), execute(), sync),
    say(bind('', ['4']), execute(), sync),
    say(query('select 1')),
    say(bind('', ['4']), execute(), sync),
  ],
  'a statement that does not parse': [
    say(parse('c', 'selekt 1'), describe('S', 'c'), sync),
    say(bind('c'), execute(), sync),
    say(parse('c', 'select 1'), bind('c'), execute(), sync),
  ],
  'an error in the middle of a pipeline': [
    say(
      parse('', 'select 1'),
      bind(''),
      execute(),
      sync,
      parse('', 'select 1/$1::int'),
      bind('', ['0']),
      execute(),
      parse('', 'select 2'),
      bind(''),
      execute(),
      sync,
      parse('', 'select 3'),
      bind(''),
      execute(),
      sync,
    ),
    sayUntil('Z', 2),
  ],
  'a pipeline that writes is one transaction up to its Sync': [
    say(
      parse('', 'insert into goods values (2000, $$x$$, 1)'),
      bind(''),
      execute(),
      parse('', 'insert into goods values (2000, $$x$$, 1)'),
      bind(''),
      execute(),
      sync,
    ),
    say(query('select count(*) from goods where id = 2000')),
  ],
  'portals with row limits': [
    say(query('begin')),
    say(
      parse('d', 'select id from goods order by id'),
      bind('d', [], { portal: 'p' }),
      describe('P', 'p'),
      execute('p', 3),
      sync,
    ),
    say(execute('p', 2), sync),
    say(bind('d', [], { portal: 'p' }), execute('p', 2), sync),
    say(query('rollback')),
    say(parse('', 'select id from goods order by id'), bind(''), execute('', 3), execute('', 2), sync),
  ],
  'Flush without Sync': [
    sayUntil('nT', 1, parse('e', 'select id from goods where id = $1'), describe('S', 'e'), flush),
    sayUntil('C', 1, bind('e', ['5']), execute(), flush),
    say(bind('e', ['6']), execute(), sync),
    sayUntil('E', 1, parse('', 'select 1/0'), bind(''), execute(), flush),
    say(parse('', 'select 1'), sync),
  ],
  'Flush after what is prepared already': [
    say(parse('f', 'select id from goods where id = $1'), sync),
    sayUntil('1', 1, parse('g', 'select id from goods where id = $1'), flush),
    sayUntil('3', 1, close('S', 'f'), flush),
    sayUntil(
      '1',
      2,
      describe('S', 'g'),
      parse('f', 'select id from goods where id = $1'),
      parse('h', 'select 1'),
      flush,
    ),
    say(bind('g', ['5']), execute(), sync),
  ],
  'parts of a pipeline that do not wait for each other': [
    say(
      parse('', 'select name from goods where id = $1'),
      describe('S', ''),
      flush,
      bind('', ['5']),
      execute(),
      flush,
      bind('', ['x']),
      execute(),
      flush,
      parse('i', 'select name from goods where id = $1'),
      flush,
      sync,
    ),
    say(parse('i', 'select name from goods where id = $1'), bind('i', ['6']), execute(), sync),
  ],
  'a write whose types are asked for before': [
    sayUntil('nT', 1, parse('', 'update goods set stock = $1 where id = 9'), describe('S', ''), flush),
    say(bind('', ['7']), execute(), sync),
  ],
  'prepared statements that are all forgotten': [
    say(parse('j', 'select 1'), bind('j'), execute(), sync),
    say(query('begin')),
    say(parse('k', 'select 2'), bind('k'), execute(), sync),
    say(query('deallocate all')),
    say(bind('k'), execute(), sync),
    say(query('rollback')),
    say(parse('j', 'select 1'), bind('j'), execute(), sync),
    say(query('discard plans')),
    say(bind('j'), execute(), sync),
    say(query('discard all')),
    say(bind('j'), execute(), sync),
  ],
  'a statement behind one that failed was not prepared': [
    say(query('begin')),
    say(parse('', 'select 1/0'), bind(''), execute(), parse('l', 'select 3'), sync),
    say(query('rollback')),
    say(query(`set work_mem = '2MB'`)),
    say(parse('', 'select 1/0'), bind(''), execute(), parse('l', 'select 3'), sync),
    say(parse('l', 'select 3'), bind('l'), execute(), sync),
    say(query('discard all')),
  ],
  'a statement that was prepared before the error in its batch': [
    say(parse('m', 'select 1/$1::int'), bind('m', ['0']), execute(), sync),
    say(bind('m', ['1']), execute(), sync),
    say(parse('n', 'insert into goods values ($1)'), bind('n', ['1']), execute(), sync),
    say(bind('n', ['1']), execute(), sync),
    say(query('begin')),
    say(parse('o', 'select 2/$1::int'), bind('o', ['0']), execute(), parse('x', 'select 1'), sync),
    say(query('rollback')),
    say(bind('o', ['1']), execute(), sync),
    say(bind('x'), execute(), sync),
  ],
  'other encodings': [
    say(parse('utf8', "select 'größe'"), bind('utf8'), execute(), sync),
    say(query("set client_encoding = 'LATIN1'")),
    say(latin1(query('select X as v'))),
    say(
      latin1(parse('p', 'select X || $1, octet_length(X)')),
      bind('p', ['x']),
      describe('P', ''),
      execute(),
      sync,
    ),
    say(bind('p', ['y']), execute(), sync),
    say(latin1(parse('', 'select X')), bind(''), execute(), sync),
    say(close('S', 'p'), sync),
    say(latin1(parse('p', 'select length(X)')), bind('p'), execute(), sync),
    say(latin1(query('insert into goods values (5000, X, 1)'))),
    say(query("set client_encoding = 'SJIS'")),
    say(query("select '\x8f\x5c'")),
    say(query('deallocate all')),
    say(query("set client_encoding = 'UTF8'")),
    say(query('select name, octet_length(name) from goods where id = 5000')),
    say(query('delete from goods where id = 5000')),
    say(query('discard all')),
    say(query('show client_encoding')),
  ],
  'DEALLOCATE of what was prepared by the protocol': [
    say(parse('r', 'select 1'), parse('R', 'select 2'), parse('a"b', 'select 3'), sync),
    say(query('deallocate r')),
    say(bind('r'), execute(), sync),
    say(bind('R'), execute(), sync),
    say(query('deallocate prepare "R";')),
    say(bind('R'), execute(), sync),
    say(query('deallocate "a""b"')),
    say(query('deallocate "a""b"')),
    say(parse('r', 'select 4'), bind('r'), execute(), sync),
    run('deallocate r'),
    say(bind('r'), execute(), sync),
    say(parse('r', 'select 4'), sync),
    say(parse('gone', 'deallocate prepare r'), describe('S', 'gone'), sync),
    say(bind('gone', [], { portal: 'p' }), describe('P', 'p'), execute('p'), sync),
    run('select 5'),
    run('deallocate r'),
    say(parse('r', 'select 4'), bind('r'), execute(), sync),
    say(query('begin; select 1/0')),
    run('deallocate r'),
    say(query('deallocate r')),
    say(query('rollback')),
    say(bind('r'), execute(), sync),
  ],
  cursors: [
    say(query('begin; declare k cursor for select id from goods order by id')),
    say(query('fetch 3 from k')),
    say(query('move 2 in k; fetch 1 from k; close k; commit')),
    say(query('declare h cursor with hold for select id from goods order by id')),
    say(query('fetch 2 from h')),
    say(query('close h')),
  ],
  'COPY out': [
    say(query('copy (select id, name from goods order by id) to stdout')),
    say(query('copy (select id, name from goods order by id limit 3) to stdout (format csv, header)')),
    say(query('copy (select id, name from goods order by id limit 3) to stdout (format binary)')),
    say(parse('', 'copy (select 1) to stdout'), bind(''), execute(), sync),
    say(query('copy nowhere to stdout')),
  ],
  'COPY in': [
    sayUntil('G', 1, query('copy goods from stdin')),
    say(copyData('3000\tone\t1\n'), copyData('3001\ttwo\t2\n'), copyDone),
    say(query('select * from goods where id >= 3000 order by id')),
    sayUntil('G', 1, query('copy goods from stdin (format csv)')),
    say(copyData('3002,three\n'), copyDone),
    sayUntil('G', 1, query('copy goods from stdin')),
    say(copyFail('no more')),
    sayUntil('G', 1, parse('', 'copy goods from stdin'), bind(''), execute(), sync),
    say(copyData('3003\tthree\t3\n'), copyDone, sync),
    say(query('delete from goods where id >= 3000')),
  ],
  'COPY in, with more behind it': [
    say(query('copy goods from stdin'), copyData('3200\tone\t1\n'), copyDone, query('select 1')),
    sayUntil('Z', 1),
    sayUntil(
      'G',
      2,
      query('copy goods from stdin; select 2; copy goods from stdin'),
      copyData('3201\tone\t1\n'),
      copyDone,
    ),
    say(copyData('3202\tone\t1\n'), copyDone),
    say(query('delete from goods where id >= 3000')),
  ],
  'COPY data that comes with the statement': [
    say(query('copy goods from stdin'), copyData('3100\tone\t1\n'), copyDone),
    say(query('copy goods from stdin'), copyData('not a number\tone\t1\n'), copyDone),
    say(copyData('late'), copyDone, query('select 1')),
    say(query('delete from goods where id >= 3000')),
  ],
  'function calls': [say(functionCall(1318, ['abcde'])), say(functionCall(1, []))],
  'prepared by SQL': [
    say(query('prepare q (int) as select name from goods where id = $1')),
    say(query('execute q (3)')),
    say(query('execute q')),
    say(query('deallocate q')),
    say(query('execute q (3)')),
  ],
  'settings are reported': [
    say(query(`set timezone = 'Asia/Tokyo'`)),
    say(query(`select '2020-01-01 00:00+00'::timestamptz`)),
    say(query(`set datestyle = 'German'; show datestyle`)),
    say(query(`select '2020-01-01 00:00+00'::timestamptz`)),
    say(query(`set application_name = 'me'`)),
    say(query('reset all')),
    say(query('show application_name')),
    say(query('set standard_conforming_strings = off')),
    say(query(`select 'a\\'b'`)),
    say(query('discard all')),
    say(query('show timezone')),
  ],
  'procedures, DO and values returned': [
    say(query('call twice(21)')),
    say(query(`do $$ begin raise notice 'done'; end $$`)),
    say(query('insert into goods values (4000, $$x$$, 1) returning *')),
    say(query('update goods set stock = 2 where id = 4000 returning id, stock')),
    say(query('delete from goods where id = 4000 returning id')),
    say(query('explain (costs off, format json) select * from goods where id = 3')),
    say(query('show server_version_num')),
    say(query('values (1, $$a$$), (2, null)')),
    say(query('table notes')),
  ],
  'large rows': [
    say(query(`select repeat('x', 1000000)`)),
    say(query('select g, repeat($$y$$, 1000) from generate_series(1, 2000) g')),
    run('select repeat($1, 300000)', ['z']),
  ],
  ...Object.fromEntries(
    TYPES.flatMap((columns, at) => [
      [`types ${at} in text`, [say(query(`select ${columns}`))]],
      [
        `types ${at} in binary`,
        [
          say(
            parse('', `select ${columns}`),
            bind('', [], { resultFormat: 1 }),
            describe('P', ''),
            execute(),
            sync,
          ),
        ],
      ],
    ]),
  ),
}

async function play(url: string, script: Script, settings: Record<string, string> = {}): Promise<string[][]> {
  const client = await RawClient.open(url, settings)
  const heard: string[][] = []
  for (const { send, until = ['Z', 1] } of script) {
    if (send.length > 0) client.send(...send)
    heard.push(readable(await client.hear(...until)))
  }
  client.end()
  return heard
}

test.each(Object.entries(SCRIPTS))('%s', async (_name, script) => {
  const wanted = await play(direct, script)
  expect(await play(through, script)).toEqual(wanted)
  // And again, when everything has been seen and prepared before.
  expect(await play(through, script)).toEqual(wanted)
})

test.each(['LATIN1', 'SJIS', 'SQL_ASCII', 'EUC_JP'])(
  'a client that begins with %s is served as by the server',
  async (encoding) => {
    const script = SCRIPTS['other encodings'] as Script
    const wanted = await play(direct, script, { client_encoding: encoding })
    const before = proxy.statistics.batches
    expect(await play(through, script, { client_encoding: encoding })).toEqual(wanted)
    const after = proxy.statistics.batches
    // What it says while its encoding is another cannot be judged, so it has no place on a lane.
    expect(after.standby.own).toBe(before.standby.own)
  },
)
