import { beforeAll, expect, test } from 'vitest'
import { type PlacedNames, planSchemaChange } from '../../src/routing/index.js'
import type { PlacedTable } from '../../src/sharding/index.js'
import { loadParser, readSchemaChange, type SchemaChange } from '../../src/sql/index.js'

beforeAll(loadParser)

const TABLES: Record<string, PlacedTable> = {
  users: { kind: 'sharded', key: ['id'] },
  orders: { kind: 'sharded', key: ['user_id'] },
  lines: { kind: 'sharded', key: ['tenant', 'user_id'] },
  products: { kind: 'reference', key: [] },
}
const placed: PlacedNames = {
  strided: false,
  table: ({ schema, name }) => (schema === null || schema === 'public' ? (TABLES[name] ?? null) : null),
  has: ({ name }) => name === 'users_name' || name === 'users_id_seq',
}
const plan = (text: string) => planSchemaChange(readSchemaChange(text) as SchemaChange, placed)

test.each([
  ['create table notes (id serial primary key, x int unique)', 'home', false],
  ['create table other.users (id serial)', 'home', false],
  ['create view v as select * from notes', 'home', false],
  ['create temp table mine (a int)', 'home', false],
  [`create type mood as enum ('a')`, 'everywhere', false],
  ['create extension pg_trgm', 'everywhere', false],
  [
    'create table users (id bigint primary key, born timestamptz default now(), unique (name, id))',
    'shards',
    false,
  ],
  [
    'create table orders (id bigint, user_id bigint references users (id), product int references products)',
    'shards',
    false,
  ],
  ['create table orders (user_id bigint references users)', 'shards', false],
  ["create table products (id int primary key, name text unique default 'x')", 'shards', false],
  ['drop table users, orders', 'shards', false],
  ['create index on users (name)', 'shards', false],
  ['create unique index concurrently on users (id, name)', 'shards', true],
  ['drop index users_name', 'shards', false],
  ['alter table public.users add column x int', 'shards', false],
  ['truncate users', 'shards', false],
  ['vacuum users', 'shards', true],
])('%s: %s', (text, where, apart) => {
  expect(plan(text)).toEqual({ where, apart })
})

test.each([
  [
    'create table users (id bigint primary key, email text unique)',
    /\(email\) is unique: it does not contain the shard key \(id\)/,
  ],
  ['create unique index on users (lower(name), id)', null],
  ['create unique index on users (name)', /does not contain the shard key/],
  ['create table lines (tenant int, user_id int, primary key (tenant))', /does not contain the shard key/],
  ['create table users (id bigserial primary key)', /sequence.*come twice/],
  ['create table products (id serial primary key)', /sequence.*copy of this table/],
  ['alter sequence users_id_seq restart', /the same numbers/],
  ['alter table users alter id set start with 7', /the same numbers/],
  [`alter table users alter n set default nextval('s')`, /sequence/],
  ['create table products (id int, born timestamptz default now())', /another on each shard/],
  ['create table orders (user_id bigint, note int references notes)', /home group/],
  ['create table orders (user_id bigint, id bigint references users (id))', /from shard key to shard key/],
  ['create table products (u bigint references users)', /reference table/],
  ['create table notes (u bigint references users)', /home group to users/],
  ['alter table users drop column id', /is the shard key/],
  ['alter table users rename column id to x', /is the shard key/],
  ['alter table users rename to people', /by its name/],
  ['create view v as select * from users', /query/],
  ['create temp table users (id int)', /temporary/],
  ['drop table users, notes', /together with notes/],
])('%s is refused', (text, message) => {
  if (message === null) expect(plan(text).where).toBe('shards')
  else expect(() => plan(text)).toThrow(message)
})

test('columns are drawn from sequences where those are strided, but not of reference tables', () => {
  const planStrided = (text: string) =>
    planSchemaChange(readSchemaChange(text) as SchemaChange, { ...placed, strided: true })
  expect(
    planStrided('create table users (id bigserial primary key, n int generated always as identity)'),
  ).toEqual({
    where: 'shards',
    apart: false,
  })
  expect(() => planStrided('create table products (id serial primary key)')).toThrow(/copy of this table/)
  expect(() => planStrided('alter sequence users_id_seq increment by 1')).toThrow(/the same numbers/)
})
