import { beforeAll, expect, test } from 'vitest'
import {
  type CatalogueRow,
  type Judgement,
  judgeStatement,
  loadParser,
  readCatalogue,
  readFacts,
} from '../../src/sql/index.js'

beforeAll(loadParser)

type Volatility = 'i' | 's' | 'v'
type Call = [string, string, Volatility, boolean, boolean]

const row = (what: CatalogueRow['what'], name: string, more: Partial<CatalogueRow> = {}): CatalogueRow => ({
  what,
  schema: 'pg_catalog',
  name,
  volatility: 'i',
  builtin: true,
  native: true,
  kind: null,
  foreign: false,
  reads: null,
  writes: null,
  ...more,
})
const builtins = (volatility: Volatility, names: string): CatalogueRow[] =>
  names.split(' ').map((name) => row('function', name, { volatility }))
const OURS = { schema: 'public', builtin: false, native: false }
const table = (name: string, reads: Call[] | null = null, writes = reads, more = {}): CatalogueRow =>
  row('relation', name, { ...OURS, kind: 'r', reads, writes, ...more })

const own = (volatility: Volatility): Call => ['public', 'own', volatility, false, false]
const native = (volatility: Volatility): Call => ['public', 'native', volatility, false, true]

const CATALOGUE = readCatalogue([
  ...builtins('i', 'lower count sum abs generate_series'),
  ...builtins(
    's',
    'now to_char query_to_xml table_to_xml pg_stat_get_activity txid_current pg_backend_pid current_setting pg_show_all_settings',
  ),
  ...builtins(
    'v',
    'random clock_timestamp gen_random_uuid pg_sleep nextval currval lastval set_config setseed',
  ),
  ...builtins(
    'v',
    'pg_advisory_lock pg_advisory_xact_lock pg_notify lo_create pg_is_in_recovery pg_brand_new',
  ),
  row('function', 'own_i', OURS),
  row('function', 'own_s', { ...OURS, volatility: 's' }),
  row('function', 'own_v', { ...OURS, volatility: 'v' }),
  row('function', 'abs', { ...OURS, schema: 'mine', volatility: 'v' }),
  ...['=', '<', '>', '<=', '>=', '+', '~~'].map((name) => row('operator', name)),
  row('operator', '=', { ...OURS, native: true }),
  row('operator', '===', OURS),
  row('operator', '!!!', { ...OURS, volatility: 'v' }),
  row('type', 'text'),
  row('type', 'int4'),
  row('type', 'mood', OURS),
  row('type', 'pos', { ...OURS, reads: [own('i')] }),
  table('plain'),
  table('viewed', [own('s')]),
  table('loud', [own('v')]),
  table('triggered', null, [own('v')]),
  table('numbered', null, [['pg_catalog', 'nextval', 'v', true, true]]),
  table('cited', [native('i')]),
  table('noisy', null, [native('v')]),
  table('far', null, null, { kind: 'f', foreign: true }),
  table('sessions', [['pg_catalog', 'pg_stat_get_activity', 's', true, true]]),
  table('twice'),
  table('twice', [own('i')], [own('i')], { schema: 'other' }),
])

const judge = (text: string): Judgement => judgeStatement(readFacts(text), CATALOGUE)

/** `standby` or `primary`, on a `lane` or `alone`. */
function placeOf(text: string): string {
  const { reads, shared } = judge(text)
  return `${reads ? 'standby' : 'primary'}, ${shared ? 'lane' : 'alone'}`
}

test.each<[string, string]>([
  ['select 1', 'standby, lane'],
  ['', 'standby, lane'],
  ['select lower(a), count(*) from plain where b = $1 and c between 1 and 2 and d like $2', 'standby, lane'],
  ['select now(), random(), clock_timestamp(), gen_random_uuid(), pg_sleep(1)', 'standby, lane'],
  ["select '1'::int, $1::text, 'x'::mood", 'standby, lane'],
  ['select * from plain order by a', 'standby, lane'],
  ['explain select * from plain', 'standby, lane'],
  ['explain analyze select * from plain', 'standby, lane'],
  ['select * from cited', 'standby, lane'],

  ['insert into plain values (1)', 'primary, lane'],
  ['update plain set a = 1 where b = 2', 'primary, lane'],
  ['insert into numbered values (1)', 'primary, lane'],
  ['select * from plain for update', 'primary, lane'],
  ["select nextval('s')", 'primary, lane'],
  ['select txid_current()', 'primary, lane'],
  ['select pg_is_in_recovery()', 'primary, lane'],
  ['select * from sessions', 'primary, lane'],
  ['explain insert into plain values (1)', 'primary, lane'],
  ['select * from triggered', 'standby, lane'],

  ['select own_i(1)', 'standby, alone'],
  ['select own_s(1)', 'standby, alone'],
  ['select public.own_i(1)', 'standby, alone'],
  ['select p.own_i from plain p', 'standby, alone'],
  ['select (1).own_s', 'standby, alone'],
  ['select * from viewed', 'standby, alone'],
  ["select '1'::pos", 'standby, alone'],
  ['select 1 === 2', 'standby, alone'],
  ['select * from twice', 'standby, alone'],
  ['select 1; select 2', 'standby, alone'],
  ['copy plain to stdout', 'standby, alone'],
  ['declare c cursor for select * from plain', 'standby, alone'],

  ['select own_v(1)', 'primary, alone'],
  ['select (1).own_v', 'primary, alone'],
  ['select abs(1)', 'primary, alone'],
  ['select pg_catalog.abs(1)', 'standby, lane'],
  ['select mine.abs(1)', 'primary, alone'],
  ['select !!! 1', 'primary, alone'],
  ['select * from loud', 'primary, alone'],
  ['insert into triggered values (1)', 'primary, alone'],
  ['insert into noisy values (1)', 'primary, alone'],
  ['select * from far', 'primary, alone'],
  ['select * from public.twice', 'standby, lane'],
  ["select currval('s'), lastval()", 'primary, alone'],
  ['select pg_backend_pid()', 'primary, alone'],
  ["select current_setting('statement_timeout')", 'standby, alone'],
  ['select pg_show_all_settings()', 'primary, alone'],
  ["select set_config('a', 'b', true)", 'primary, alone'],
  ['select setseed(0.5)', 'primary, alone'],
  ['select pg_advisory_lock(1)', 'primary, alone'],
  ['select pg_advisory_xact_lock(1)', 'primary, alone'],
  ["select pg_notify('a', 'b')", 'primary, alone'],
  ['select lo_create(1)', 'primary, alone'],
  ["select query_to_xml('drop table t', true, true, '')", 'primary, alone'],
  ["select table_to_xml('plain', true, true, '')", 'primary, alone'],
  ['select pg_brand_new()', 'primary, alone'],
  ['select nobody_knows(1)', 'primary, alone'],
  ['select pg_temp.lower(1)', 'primary, alone'],
  ['select * from nowhere', 'primary, alone'],
  ['select * from pg_temp.plain', 'primary, alone'],
  ["select 'x'::nothing", 'primary, alone'],
  ['select 1 @#@ 2', 'primary, alone'],
  ['copy plain from stdin', 'primary, alone'],
  ['begin', 'primary, alone'],
  ['set a = 1', 'primary, alone'],
  ['set local a = 1', 'primary, alone'],
  ['show a', 'primary, alone'],
  ['prepare p as select 1', 'primary, alone'],
  ['explain execute p', 'primary, alone'],
  ['listen a', 'primary, alone'],
  ['notify a', 'primary, alone'],
  ['do $$ begin end $$', 'primary, alone'],
  ['call p()', 'primary, alone'],
  ['truncate plain', 'primary, alone'],
  ['lock plain', 'primary, alone'],
  ['create table x (a int)', 'primary, alone'],
  ['select 1 into x', 'primary, alone'],
  ['vacuum', 'primary, alone'],
  ['selec 1', 'primary, alone'],
])('%j: %s', (text, place) => {
  expect(placeOf(text)).toBe(place)
})

test('a reason is given exactly when something speaks against a standby and a lane', () => {
  expect(judge('select * from plain').why).toBeNull()
  for (const text of [
    'select own_i(1)',
    'insert into plain values (1)',
    'select * from nowhere',
    'set a = 1',
    'select nextval($1)',
  ])
    expect(judge(text).why, text).toEqual(expect.any(String))
})

test('what may stay in the session is told, of functions too', () => {
  expect(judge("select set_config('a', 'b', false), pg_advisory_lock(1), own_i(1)").traces).toEqual([
    'settings',
    'advisory',
    'unknown',
  ])
  expect(judge('create temp table t (a int)').traces).toEqual(['temp', 'unknown'])
  expect(judge("select nextval('s')").traces).toEqual([])
})

test('a function that anything may call unseen keeps everything off the lanes', () => {
  const hidden = readCatalogue([row('hidden', 'own_cast', OURS)])
  expect(judgeStatement(readFacts('select 1'), hidden)).toMatchObject({ reads: true, shared: false })
  const loud = readCatalogue([row('hidden', 'own_cast', { ...OURS, volatility: 'v' })])
  expect(judgeStatement(readFacts('select 1'), loud)).toMatchObject({ reads: false, shared: false })
})
