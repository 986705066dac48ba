import { expect, test } from 'vitest'
import {
  describeDrift,
  findDrift,
  type ObservedGroup,
  type ObservedHerd,
  type SchemaPart,
} from '../../src/sharding/index.js'

const TABLES = {
  'public.users': { kind: 'sharded', key: ['id'] },
  'public.rates': { kind: 'reference', key: [] },
} as const

const part = (
  kind: SchemaPart['kind'],
  name: string,
  definition: string,
  table: string | null = 'public.users',
) => ({
  kind,
  name,
  table,
  definition,
})
const USERS = [
  part('table', 'public.users', 'table'),
  part('column', 'id', 'bigint not null at place 1'),
  part('index', 'users_name', 'CREATE INDEX users_name ON public.users USING btree (name)'),
]

function group(name: string, changes: Partial<ObservedGroup> = {}): ObservedGroup {
  return {
    name,
    placement: 'epoch 1 (a)',
    parts: name === 'home' ? [] : USERS,
    invalidIndexes: [],
    contents: [],
    misplaced: [],
    ...changes,
  }
}

/** What a herd of three shards is said to be, each group changed as given. */
function said(changes: Record<string, Partial<ObservedGroup>>, more: Partial<ObservedHerd> = {}): string[] {
  const shards = ['s1', 's2', 's3']
  const groups = ['home', ...shards].map((name) => group(name, changes[name]))
  const herd = {
    home: 'home',
    shards,
    tables: TABLES,
    groups,
    federation: { there: [], wanted: [] },
    ...more,
  }
  return findDrift(herd).map(describeDrift)
}

test('groups that are alike have no drift', () => {
  expect(said({})).toEqual([])
})

test('a part that is another on some shards, or missing there, is told with who has what', () => {
  const [table, , index] = USERS as [SchemaPart, SchemaPart, SchemaPart]
  expect(said({ s2: { parts: [table, part('column', 'id', 'integer at place 1'), index] } })).toEqual([
    'public.users: column id is "bigint not null at place 1" on s1 and s3, "integer at place 1" on s2.',
  ])
  expect(said({ s3: { parts: USERS.slice(0, 2) } })).toEqual([
    'public.users: index users_name is on s1 and s2, and is missing on s3.',
  ])
  const long = part('constraint', 'sane', `CHECK (${'x'.repeat(200)})`)
  const other = part('constraint', 'sane', `CHECK (${'y'.repeat(200)})`)
  expect(said({ s1: { parts: [...USERS, long] }, s2: { parts: [...USERS, other] } })).toEqual([
    'public.users: constraint sane is one on s1, another on s2, and is missing on s3.',
  ])
})

test('where a table is missing nothing of it is missed', () => {
  expect(said({ s1: { parts: [] } })).toEqual(['Table public.users is on s2 and s3, and is missing on s1.'])
})

test('functions, types and extensions are those of every group, other tables of home alone', () => {
  const mood = part('type', 'public.mood', "enum ('glad')", null)
  const notes = [part('table', 'public.notes', 'table', 'public.notes')]
  expect(said({ home: { parts: [mood, ...notes] } })).toEqual([
    'Type public.mood is on home, and is missing on s1, s2 and s3.',
  ])
  expect(said({ s1: { parts: [...USERS, ...notes] }, s2: { parts: [...USERS, ...notes] } })).toEqual([
    'Table public.notes is on s1 and s2, and is not spread: nobody looks for it there.',
  ])
})

test('invalid indexes are told even where all shards have them', () => {
  const invalidIndexes = [{ table: 'public.users', index: 'users_name' }]
  expect(said({ s1: { invalidIndexes }, s2: { invalidIndexes } })).toEqual([
    'public.users: index users_name is invalid on s1 and s2: making it did not come to its end. Drop it there and make it again.',
  ])
})

test('copies that are not alike, rows of others and another placement are told', () => {
  const copy = (rows: number, digest: string) => ({ contents: [{ table: 'public.rates', rows, digest }] })
  expect(said({ s1: copy(2, '7'), s2: copy(2, '7'), s3: copy(1, '3') })).toEqual([
    'public.rates: the copies are not alike: 2 rows on s1 and s2; 1 row on s3.',
  ])
  expect(said({ s1: copy(2, '7'), s2: copy(2, '8'), s3: copy(2, '7') })).toEqual([
    'public.rates: the copies are not alike: 2 rows on s1 and s3; 2 rows on s2.',
  ])
  const samples = [
    { key: '5', owner: 's2' },
    { key: 'NULL', owner: null },
  ]
  expect(said({ s1: { misplaced: [{ table: 'public.users', rows: 1200, samples }] } })).toEqual([
    'public.users: 1,200 rows are on s1 that it does not own: 5 (s2), NULL (of nobody), ….',
  ])
  expect(said({ s2: { placement: 'epoch 2 (b)' } })).toEqual([
    'The placement is not the same in all groups: epoch 1 (a) on home, s1 and s3; epoch 2 (b) on s2.',
  ])
})

test('a federation that has not followed is told', () => {
  const wanted = [...USERS.slice(0, 2), part('column', 'age', 'integer at place 2')]
  expect(said({}, { federation: { wanted, there: USERS.slice(0, 2) } })).toEqual([
    'public.users: column age is on the shards, and is missing on the federation.',
  ])
})
