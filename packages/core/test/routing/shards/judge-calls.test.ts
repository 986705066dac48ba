import { beforeAll, expect, test } from 'vitest'
import { type Calls, judgeCalls } from '../../../src/routing/index.js'
import {
  type CallTuple,
  type CatalogueRow,
  loadParser,
  readCatalogue,
  readFacts,
} from '../../../src/sql/index.js'

beforeAll(loadParser)

function row(what: CatalogueRow['what'], name: string, more: Partial<CatalogueRow> = {}): CatalogueRow {
  const builtin = { schema: 'pg_catalog', volatility: 'i', builtin: true, native: true } as const
  return { what, name, ...builtin, kind: null, foreign: false, reads: null, writes: null, ...more }
}

const OURS = { schema: 'public', builtin: false, native: false } as const
const table = (name: string, writes: CallTuple[] = [], reads: CallTuple[] = []): CatalogueRow =>
  row('relation', name, { ...OURS, kind: 'r', reads, writes })

const CATALOGUE = readCatalogue([
  ...['lower', 'count', 'sum'].map((name) => row('function', name)),
  row('function', 'now', { volatility: 's' }),
  row('function', 'query_to_xml', { volatility: 's' }),
  ...['random', 'nextval'].map((name) => row('function', name, { volatility: 'v' })),
  row('function', 'own', OURS),
  row('function', 'next_id', { ...OURS, schema: 'pgherd', volatility: 'v' }),
  row('function', 'similarity', { ...OURS, native: true }),
  ...['=', '<', '+'].map((name) => row('operator', name, { volatility: name === '+' ? 's' : 'i' })),
  row('operator', '===', OURS),
  row('type', 'text'),
  row('type', 'positive', { ...OURS, reads: [['public', 'own', 'i', false, false]] }),
  table('t'),
  table('numbered', [['pg_catalog', 'nextval', 'v', true, true]]),
  table('placed', [['pgherd', 'next_id', 'v', false, false]]),
  table('watched', [['public', 'own', 'v', false, false]]),
  table('seen', [], [['public', 'own', 's', false, false]]),
  row('relation', 'far', { ...OURS, kind: 'f', foreign: true }),
])

test.each<[string, Calls]>([
  ['select lower(a), count(*) from t where a = 1', 'immutable'],
  ['update t set a = a + 1', 'immutable'],
  ['select now() from t', 'stable'],
  ['select current_date from t', 'stable'],
  ['select random() from t', 'volatile'],
  ['select lower(a), now(), random() from t', 'volatile'],
  ['select pgherd.next_id() from t', 'volatile'],
  ['select similarity(a) from t', 'immutable'],
  ['select own() from t', 'unknown'],
  ['select nobody(a) from t', 'unknown'],
  ['select s.lower(a) from t', 'unknown'],
  ['select (a).own from t', 'unknown'],
  ["select query_to_xml('select 1') from t", 'unknown'],
  ['select a === b from t', 'unknown'],
  ['select a::text from t', 'immutable'],
  ['select a::positive from t', 'unknown'],
  ['select a::nobody from t', 'unknown'],
  ['select * from nobody', 'unknown'],
  ['select * from far', 'unknown'],
  ['select * from seen', 'unknown'],
  ['select * from watched', 'immutable'],
  ['update watched set a = 1', 'unknown'],
  ['insert into numbered values (1)', 'immutable'],
  ['update placed set a = 1', 'immutable'],
  ['execute p', 'unknown'],
  ['selec', 'unknown'],
])('%j calls what is %s', (text, calls) => {
  expect(judgeCalls(readFacts(text), CATALOGUE)).toBe(calls)
})

test('what any statement may call unseen counts in all', () => {
  const hidden = row('hidden', 'own', OURS)
  expect(judgeCalls(readFacts('select 1'), readCatalogue([hidden]))).toBe('unknown')
})
