import { describe, expect, test } from 'vitest'
import { isInstalled, libpqEnv, run } from '../program.js'
import { bind, describe as describeIt, execute, parse, sync } from '../raw-client.js'
import { ShardedProxy, twoShards } from './sharded-proxy.js'

// What a person and programs are told of the tables, wherever these are.

const there = ShardedProxy.before(
  twoShards('{ users: { key: id }, orders: { key: user_id }, products: { kind: reference } }'),
  [
    `create table users (id int8 primary key, name text not null default 'x')`,
    'create table orders (user_id int8 references users, n int check (n > 0), primary key (user_id, n))',
    'create index orders_by_n on orders (n)',
    'create table products (id int primary key, price numeric)',
    'create table notes (id int primary key, text text unique)',
    'create function twice(int) returns int language sql immutable as $$ select $1 * 2 $$',
  ],
)

describe.skipIf(!isInstalled('psql', '--version'))('psql', () => {
  /** The first columns of what it lists. */
  async function psql(command: string): Promise<string> {
    const how = command.startsWith('\\d ') ? '-qA' : '-qAt'
    const { out, error } = await run('psql', [how, '-c', command], libpqEnv(new URL(there.url())))
    expect(error.replace(/^WARNING: psql.*\n.*\n/, '')).toBe('')
    return out
  }

  const firstTwo = (out: string): string[] =>
    out
      .trim()
      .split('\n')
      .map((line) => line.split('|').slice(1, 2).join(' '))

  test('lists all tables in one order, each once', async () => {
    expect(firstTwo(await psql('\\dt'))).toEqual(['notes', 'orders', 'products', 'users'])
    expect(firstTwo(await psql('\\d'))).toEqual(['notes', 'orders', 'products', 'users'])
    expect(firstTwo(await psql('\\di'))).toEqual([
      ...['notes_pkey', 'notes_text_key', 'orders_by_n', 'orders_pkey', 'products_pkey', 'users_pkey'],
    ])
    expect(firstTwo(await psql('\\df'))).toEqual(['twice'])
    const schemas = (await psql('\\dn')).trim().split('\n')
    expect(new Set(schemas).size).toBe(schemas.length)
  })

  test('describes a table as it is, wherever it is', async () => {
    const users = await psql('\\d users')
    expect(users).toContain('id|bigint||not null|')
    expect(users).toContain(`name|text||not null|'x'::text`)
    expect(users).toContain('"users_pkey" PRIMARY KEY')
    expect(users).toContain('TABLE "orders" CONSTRAINT "orders_user_id_fkey"')
    const orders = await psql('\\d orders')
    expect(orders).toContain('"orders_by_n" btree (n)')
    expect(orders).toContain('CHECK (n > 0)')
    const notes = await psql('\\d notes')
    expect(notes).toContain('"notes_text_key" UNIQUE CONSTRAINT')
    expect(notes).not.toContain('user_id')
    expect(await psql('\\d orders_by_n')).toContain('btree, for table "public.orders"')
    expect((await psql('\\dt users')).trim()).toContain('users')
  })
})

test('what programs ask of the catalogues has the tables of all groups', async () => {
  const client = await there.through()
  // As Kysely asks.
  const columns = await client.query(
    `
    select a.attname as column, a.attnotnull as not_null, c.relname as table, typ.typname as type
      from pg_catalog.pg_attribute as a
      inner join pg_catalog.pg_class as c on a.attrelid = c.oid
      inner join pg_catalog.pg_namespace as ns on c.relnamespace = ns.oid
      inner join pg_catalog.pg_type as typ on a.atttypid = typ.oid
     where c.relkind in ($1, $2) and ns.nspname !~ '^pg_' and ns.nspname not in ('information_schema', 'pgherd')
       and a.attnum >= 0 and not a.attisdropped order by ns.nspname, c.relname, a.attnum`,
    ['r', 'v'],
  )
  const tables = columns.rows.map(({ table, column }) => `${table}.${column}`)
  expect([...tables].sort()).toEqual([
    'notes.id',
    'notes.text',
    'orders.n',
    'orders.user_id',
    'products.id',
    'products.price',
    'users.id',
    'users.name',
  ])
  // As Drizzle asks.
  const named = await client.query(`
    select table_schema, table_name from information_schema.tables
     where table_schema = 'public' and table_type = 'BASE TABLE' order by table_name desc`)
  expect(named.rows.map(({ table_name }) => table_name)).toEqual(['users', 'products', 'orders', 'notes'])
  const keyed = `
    select kcu.column_name from information_schema.table_constraints tc
      join information_schema.key_column_usage kcu using (constraint_name, table_name)
     where tc.constraint_type = 'PRIMARY KEY' and tc.table_name = $1 order by kcu.ordinal_position`
  expect((await client.query(keyed, ['orders'])).rows.map(({ column_name }) => column_name)).toEqual([
    'user_id',
    'n',
  ])
  expect((await client.query(keyed, ['notes'])).rows).toEqual([{ column_name: 'id' }])
  const counted = await client.query(
    `select count(*)::int as n from pg_catalog.pg_class where relname = 'users'`,
  )
  expect(counted.rows).toEqual([{ n: 1 }])
})

test('numbers of objects are asked for where they are from', async () => {
  const client = await there.through()
  for (const [name, wanted] of [
    ['users', ['id', 'name']],
    ['notes', ['id', 'text']],
    ['orders', ['user_id', 'n']],
  ] as const) {
    const { rows } = await client.query('select oid from pg_catalog.pg_class where relname = $1', [name])
    const asked =
      'select attname from pg_catalog.pg_attribute where attrelid = $1 and attnum > 0 order by attnum'
    const found = await client.query(asked, [rows[0].oid])
    expect(found.rows.map(({ attname }) => attname)).toEqual(wanted)
  }
})

test('a transaction sees what it has made, and in a pipeline too', async () => {
  const client = await there.through()
  await client.query('begin')
  await client.query('alter table users add column age int')
  const asked = `select attname from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = attrelid
    where relname = 'users' and attnum > 0 order by attnum`
  expect((await client.query(asked)).rows.map(({ attname }) => attname)).toEqual(['id', 'name', 'age'])
  await client.query('rollback')
  const raw = await there.raw()
  const list = `select relname from pg_catalog.pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1`
  const whole = [parse('', list), bind(''), describeIt('P', ''), execute()]
  const heard = await raw.ask(
    ...whole,
    parse('', 'select 1 from users where id = 1'),
    bind(''),
    execute(),
    sync,
  )
  expect(heard.map((each) => String.fromCharCode(each[0] as number)).join('')).toBe('12TDDDDC12CZ')
})
