import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import copyStreams from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, nodesOfHerd, scratchHerd, until } from '../../../../test/scratch-herd.js'
import { WireProxy } from '../../src/index.js'
import { isInstalled, libpqEnv, type Outcome, run } from '../program.js'

const PYTHON = '/usr/bin/python3'
const JDBC = '/usr/share/java/postgresql.jar'
const hasPsql = isInstalled('psql', '--version')
const hasPgbench = isInstalled('pgbench', '--version')
const hasPsycopg2 = isInstalled(PYTHON, '-c', 'import psycopg2')
const hasPsycopg = isInstalled(PYTHON, '-c', 'import psycopg')
// A whole JDK is too much to install for one test: where one is, it is used.
const hasJdbc = isInstalled('javac', '-version') && isInstalled('test', '-f', JDBC)

let herd: Herd
let proxy: WireProxy
let direct: URL
let through: URL

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 2 }]')
  proxy = await WireProxy.start({ nodes: await nodesOfHerd(herd, 'superuser'), port: 0 })
  direct = new URL(herd.dsn((herd.primaryOf() as { name: string }).name))
  through = new URL(direct)
  through.port = String(proxy.address.port)
  const app = await connect(direct.href)
  await app.query('create table goods (id int primary key, name text not null, stock int default 1)')
  await app.query(`insert into goods select g, 'goods ' || g from generate_series(1, 100) g`)
  await app.query('create view few as select * from goods where stock < 5')
}, 120_000)

afterAll(() => proxy.close())

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

// ---- libpq

const psql = (url: URL, input: string, ...args: string[]): Promise<Outcome> =>
  run('psql', ['-X', '-v', 'ON_ERROR_STOP=1', ...args], libpqEnv(url), input)

test
  .skipIf(!hasPsql)
  .each([
    '\\d',
    '\\d goods',
    '\\d+ few',
    '\\dt+',
    '\\df',
    '\\dn',
    '\\du',
    '\\dx',
    '\\sv few',
    '\\det',
    '\\dp',
  ])('psql shows the same for %s', async (command) => {
  const [wanted, shown] = [await psql(direct, command), await psql(through, command)]
  expect(shown).toEqual(wanted)
  expect(shown.code).toBe(0)
})

test.skipIf(!hasPsql)(
  'psql copies in and out, runs files as one transaction, and reports errors',
  async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'pgherd-copy-')), 'goods.csv')
    await psql(through, `\\copy goods to '${file}' csv`)
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(101)
    writeFileSync(file, '1001,new,5\n1002,newer,6\n')
    expect((await psql(through, `\\copy goods from '${file}' csv`)).out).toBe('COPY 2\n')
    const both = await psql(through, 'delete from goods where id > 1000;\nselect 1/0;', '-1')
    expect(both.error).toContain('division by zero')
    const script = `\\set AUTOCOMMIT off
    update goods set stock = 9 where id = 1;
    rollback;
    select id, stock from goods where id in (1, 1001, 1002) order by id \\gx
    select format('select %s as n', g) from generate_series(1, 3) g \\gexec`
    const wanted = await psql(direct, script)
    expect(await psql(through, script)).toEqual(wanted)
    expect(wanted.code).toBe(0)
  },
)

test.skipIf(!hasPsql)('psql watches', async () => {
  const child = spawn('psql', ['-XAt'], { env: { ...process.env, ...libpqEnv(through) } })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.stdin.write('select name from goods where id = 7 \\watch 0.05\n')
  await until('it has asked some times', () => out.split('goods 7').length > 4)
  child.kill('SIGINT')
  child.stdin.end('\\q\n')
  await ended
})

test.skipIf(!hasPgbench)('pgbench runs all of its modes, and every transaction counts once', async () => {
  const pgbench = (...args: string[]): Promise<Outcome> => run('pgbench', args, libpqEnv(through))
  const made = await pgbench('-i', '-q', '-s', '1')
  expect(made.code, made.error).toBe(0)
  const file = join(mkdtempSync(join(tmpdir(), 'pgherd-bench-')), 'pipeline.sql')
  writeFileSync(
    file,
    `\\set aid random(1, 100000)\n\\startpipeline\nselect abalance from pgbench_accounts where aid = :aid;\n` +
      `select bid from pgbench_branches where bid = 1;\n\\endpipeline\n`,
  )
  for (const mode of ['simple', 'extended', 'prepared']) {
    for (const script of [
      ['-b', 'select-only'],
      ['-b', 'tpcb-like'],
      ['-b', 'select-only', '-C'],
      ['-f', file],
    ]) {
      if (script[0] === '-f' && mode === 'simple') continue
      const { code, out, error } = await pgbench('-n', '-M', mode, '-c', '4', '-t', '20', ...script)
      expect(code, `${mode} ${script}: ${error}`).toBe(0)
      expect(out).toContain('transactions actually processed: 80/80')
    }
  }
  const app = await connect(direct.href)
  const { rows } = await app.query(
    `select (select sum(abalance) from pgbench_accounts) - (select sum(delta) from pgbench_history) as off,
            (select count(*)::int from pgbench_history) as n`,
  )
  expect(rows).toEqual([{ off: '0', n: 240 }])
})

// ---- Python, Java

test.skipIf(!hasPsycopg2)('psycopg2 in use', async () => {
  const { out, error, code } = await run(PYTHON, [program('psycopg2_use.py')], libpqEnv(through))
  expect(error).toBe('')
  expect(code).toBe(0)
  expect(out.trim().split('\n')).toEqual([
    'error 23505',
    'named [1, 2, 3, 4, 5]',
    `copy ['1,one', '2,größe', '3,']`,
    `latin1 [('größe', 'äé')]`,
    'notified hello',
    'error 25006',
    'isolation serializable',
    expect.stringMatching(/^rows \(5, /),
  ])
})

test.skipIf(!hasPsycopg)('psycopg 3 in use', async () => {
  const { out, error, code } = await run(PYTHON, [program('psycopg_use.py')], libpqEnv(through))
  expect(error).toBe('')
  expect(code).toBe(0)
  expect(out.trim().split('\n')).toEqual([
    'prepared [2, 4, 6, 8, 2, 4, 6, 8]',
    'pipeline name 29',
    'error 23505',
    'after 0',
    `binary ['1.50', '0:00:00', '[1, 2]', "{'a': 1}"]`,
    `copy [b'200\\tcopied\\n']`,
    'named [0, 1, 2]',
    'error 23505',
    'error 23505',
    'error 23505',
    'timezone Asia/Tokyo utf-8',
  ])
})

test.skipIf(!hasJdbc)('JDBC in use', async () => {
  const url = `jdbc:postgresql://${through.host}${through.pathname}`
  const { out, error } = await run('java', ['-cp', JDBC, program('JdbcUse.java'), url], libpqEnv(through))
  expect(error).toBe('')
  expect(out.trim().split('\n')).toEqual([
    'batch 20',
    'error 23505',
    'cursor 190',
    ...[0, 1, 2, 3].map((at) => `read größe ${at}!`),
    'copied 2',
    'error 57014',
    'isolation serializable',
    'column id',
    'column name',
  ])
})

// ---- Node.js

test('node-postgres in use', async () => {
  const pool = new pg.Pool({ connectionString: through.href, max: 5 })
  await pool.query('create table by_pg (id int primary key, name text)')
  const client = await pool.connect()
  await pipeline(
    Readable.from(Array.from({ length: 1000 }, (_, at) => `${at}\tname ${at}\n`)),
    client.query(copyStreams.from('copy by_pg from stdin')),
  )
  const cursor = client.query(new Cursor('select id from by_pg order by id'))
  expect((await cursor.read(3)).map(({ id }) => id)).toEqual([0, 1, 2])
  expect(await cursor.read(500)).toHaveLength(500)
  await cursor.close()
  const named = { name: 'by id', text: 'insert into by_pg values ($1, $2)' }
  for (const id of [1, 1, 2000, 1, 2001]) {
    const outcome = client.query({ ...named, values: [id, 'x'] })
    if (id === 1) await expect(outcome).rejects.toMatchObject({ code: '23505' })
    else expect((await outcome).rowCount).toBe(1)
  }
  client.release()
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, id) => pool.query('select name from by_pg where id = $1', [id])),
  )
  expect(answers.map(({ rows }) => rows[0].name)).toEqual(
    Array.from({ length: 200 }, (_, id) => `name ${id}`),
  )
  await pool.end()
})

test('postgres.js in use', async () => {
  const sql = postgres(through.href, { max: 5, onnotice: () => {} })
  await sql`create table by_postgres (id int primary key, name text, more jsonb)`
  await sql`insert into by_postgres ${sql([1, 2, 3].map((id) => ({ id, name: `name ${id}`, more: sql.json({ id }) })))}`
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, at) => sql`select name, more from by_postgres where id = ${(at % 3) + 1}`),
  )
  expect(answers.map(([row]) => row?.name)).toEqual(
    Array.from({ length: 60 }, (_, at) => `name ${(at % 3) + 1}`),
  )
  await expect(sql`insert into by_postgres (id) values (1)`).rejects.toMatchObject({ code: '23505' })
  await expect(
    sql.begin(async (tx) => {
      await tx`update by_postgres set name = 'changed'`
      await tx.savepoint((inner) => inner`select 1/0`).catch(() => {})
      expect(await tx`select distinct name from by_postgres`).toEqual([{ name: 'changed' }])
      throw new Error('back')
    }),
  ).rejects.toThrow('back')
  const seen: number[] = []
  await sql`select id from by_postgres order by id`.cursor(2, (rows) => {
    seen.push(...rows.map(({ id }) => id))
  })
  expect(seen).toEqual([1, 2, 3])
  const heard = new Promise<string>((resolve) => {
    void sql.listen('by_postgres', resolve).then(() => sql.notify('by_postgres', 'hello'))
  })
  expect(await heard).toBe('hello')
  expect(await sql.unsafe('select 1 as one; select 2 as two')).toEqual([[{ one: 1 }], [{ two: 2 }]])
  await sql.end()
})
