import { beforeAll, expect, test } from 'vitest'
import { loadParser, readSchemaChange, type SchemaChange } from '../../src/sql/index.js'

beforeAll(loadParser)

const NOTHING: SchemaChange = {
  relations: [],
  uniques: [],
  references: [],
  changedColumns: [],
  drawnColumns: [],
  renumbers: false,
  varyingColumns: [],
  renames: false,
  hasQuery: false,
  temporary: false,
  apart: false,
  general: false,
}
const users = { schema: null, name: 'users' }

test.each<[string, Partial<SchemaChange>]>([
  [
    'create table a.users (id bigint primary key, e text unique, unique (id, e), exclude using gist (r with &&))',
    { relations: [{ schema: 'a', name: 'users' }], uniques: [['id'], ['e'], ['id', 'e'], [null]] },
  ],
  [
    `create table users (a serial, b int generated always as identity, c int default nextval('s'), d timestamptz default now(), e text default 'x'::text)`,
    { relations: [users], drawnColumns: ['a', 'b', 'c'], varyingColumns: ['c', 'd'] },
  ],
  [
    'create table users (a int references b, foreign key (c, d) references s.e (f, g))',
    {
      relations: [users],
      references: [
        { columns: ['a'], table: { schema: null, name: 'b' }, to: [] },
        { columns: ['c', 'd'], table: { schema: 's', name: 'e' }, to: ['f', 'g'] },
      ],
    },
  ],
  ['drop table users, a.b', { relations: [users, { schema: 'a', name: 'b' }] }],
  ['drop trigger t on users', { relations: [users] }],
  [`comment on column users.id is 'x'`, { relations: [users] }],
  ['truncate users', { relations: [users] }],
  ['grant select on users to app', { relations: [users] }],
  [
    'alter table users drop column a, alter column b type int',
    { relations: [users], changedColumns: ['a', 'b'] },
  ],
  ['alter table users rename column a to b', { relations: [users], changedColumns: ['a'] }],
  ['alter table users alter a set default random()', { relations: [users], varyingColumns: ['a'] }],
  [
    'alter sequence users_id_seq restart with 5',
    { relations: [{ schema: null, name: 'users_id_seq' }], renumbers: true },
  ],
  ['alter sequence users_id_seq owner to me', { relations: [{ schema: null, name: 'users_id_seq' }] }],
  ['alter table users alter id set increment by 1', { relations: [users], renumbers: true }],
  ['alter table users alter id set generated always', { relations: [users] }],
  ['alter table users rename to others', { relations: [users], renames: true }],
  ['alter table users set schema b', { relations: [users], renames: true }],
  [
    'create unique index concurrently on users (a, lower(b))',
    { relations: [users], uniques: [['a', null]], apart: true },
  ],
  ['vacuum users', { relations: [users], apart: true }],
  [
    'create view v as select * from users',
    { relations: [{ schema: null, name: 'v' }, users], hasQuery: true },
  ],
  ['create temp table users (a int)', { relations: [users], temporary: true }],
  [`create type mood as enum ('a')`, { general: true }],
  ['create schema a', { general: true }],
  ['grant usage on schema a to app', { general: true }],
  ['create database a', { apart: true }],
])('%s', (text, wanted) => {
  expect(readSchemaChange(text)).toEqual({ ...NOTHING, ...wanted })
})

test.each(['', 'create table a (); create table b ()', 'create tabel a'])('%s is none', (text) => {
  expect(readSchemaChange(text)).toBeNull()
})
