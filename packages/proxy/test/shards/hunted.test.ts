import { locateKey, type ShardMap } from '@pgherd/core/sharding'
import type pg from 'pg'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { connect, until } from '../../../../test/scratch-herd.js'
import { bind, close, describe as describeIt, execute, flush, parse, query, sync } from '../raw-client.js'
import { ShardedProxy, twoShards } from './sharded-proxy.js'

// What was found by looking for it.

const there = ShardedProxy.before(
  twoShards('{ users: { key: id }, later: { key: id }, rates: { kind: reference } }'),
  ['create table users (id int8 primary key, name text not null)', 'create table notes (id int, text text)'],
  4,
)
/** Ids of users on the first shard, and on the second. */
let A: number
let B: number

beforeAll(async () => {
  const admin = await connect(there.dsnOf('home', 'superuser'))
  await admin.query('create role other')
  for (const group of ['home', 's1', 's2']) {
    const each = await connect(there.dsnOf(group, 'superuser'))
    await each.query(`do $$ begin create role other; exception when duplicate_object then null; end $$`)
    await each.query('grant other to app')
  }
})

beforeEach(async () => {
  const client = await there.through()
  await client.query('truncate users')
  await client.query('truncate notes')
  const rows = Array.from({ length: 12 }, (_, at) => `(${at + 1}, 'u${at + 1}')`)
  await client.query(`insert into users (id, name) values ${rows.join(', ')}`)
  const firstOf = async (group: string): Promise<number> =>
    Number((await (await connect(there.dsnOf(group))).query('select min(id) as id from users')).rows[0].id)
  A = await firstOf('s1')
  B = await firstOf('s2')
})

function run(text: string): Buffer[] {
  return [parse('', text), bind(''), describeIt('P', ''), execute()]
}

/** The types of what is answered, in a row. */
function typesOf(heard: readonly Buffer[]): string {
  return heard
    .map((each) => String.fromCharCode(each[0] as number))
    .filter((type) => type !== 'S')
    .join('')
}

function stateOf(heard: readonly Buffer[]): string | null {
  const error = heard.find((each) => each[0] === 0x45)
  return /\0C(\w{5})\0/.exec(error?.toString('latin1') ?? '')?.[1] ?? null
}

async function one(client: pg.Client, text: string): Promise<unknown> {
  return Object.values((await client.query(text)).rows[0])[0]
}

test('DISCARD ALL takes back what was set, whoever was asked last', async () => {
  const client = await there.raw()
  await client.ask(query(`select name from users where id = ${A}`))
  expect(typesOf(await client.ask(...run('discard all'), sync))).toBe('12nCZ')
  const other = await there.through()
  await other.query(`set timezone = 'Asia/Tokyo'`)
  await other.query(`set app.who = 'me'`)
  expect(await one(other, `select current_setting('app.who') from users where id = ${A}`)).toBe('me')
  await other.query('discard all')
  expect(await one(other, 'show timezone')).not.toBe('Asia/Tokyo')
  for (const id of [A, B])
    expect(
      await one(other, `select coalesce(current_setting('app.who', true), '') from users where id = ${id}`),
    ).toBe('')
  await other.query('begin')
  await expect(other.query('discard all')).rejects.toMatchObject({ code: '25001' })
})

test('a role that is taken in a transaction is that of every group after it', async () => {
  const client = await there.through()
  await client.query(`set app.one = '1'`)
  const whoOn = (id: number): Promise<unknown> =>
    one(client, `select current_user from users where id = ${id}`)
  for (const id of [A, B]) expect(await whoOn(id)).toBe('app')
  const shards = await Promise.all(['s1', 's2'].map((group) => connect(there.dsnOf(group, 'superuser'))))
  for (const shard of shards) await shard.query('grant select on users to other')
  await client.query('begin')
  await client.query('set role other')
  expect(await whoOn(A)).toBe('other')
  await client.query('commit')
  for (const id of [A, B]) expect(await whoOn(id)).toBe('other')
  expect(await one(client, 'select current_user')).toBe('other')
})

test('a setting that nobody takes leaves no connection unusable, and skips none that follow', async () => {
  const client = await there.through()
  await client.query(`set app.who = 'me'`)
  expect(await one(client, `select name from users where id = ${A}`)).toBe(`u${A}`)
  await client.query('begin')
  await client.query('set local role nosuchrole').catch(() => {})
  await client.query(`select name from users where id = ${A}`).catch(() => {})
  await client.query('rollback')
  expect(await one(client, `select name from users where id = ${A}`)).toBe(`u${A}`)
})

test('what is set for every connection is so on one that is kept', async () => {
  const client = await there.through()
  await client.query(`select pg_advisory_lock(5) from users where id = ${A}`)
  await client.query(`set timezone = 'Asia/Tokyo'`)
  const text = `update users set name = current_setting('timezone') where id in (${A}, ${B}) returning name`
  expect((await client.query(text)).rows).toEqual([{ name: 'Asia/Tokyo' }, { name: 'Asia/Tokyo' }])
})

test('I6: what a read of all shards leaves in its session is nobody else’s', async () => {
  const leaver = await there.raw()
  const leak = `select set_config('app.leak', 'LEAKED', false), pg_advisory_lock(77), count(*) from users`
  await leaver.ask(...run(leak), ...run('select 1 from notes'), sync)
  leaver.end()
  const client = await there.through()
  for (let round = 0; round < 4; round++)
    expect(
      await one(
        client,
        `select coalesce(current_setting('app.leak', true), '') || (random() > 2) from users`,
      ),
    ).toBe('false')
  await until('the lock is free', () => one(client, 'select pg_try_advisory_lock(77)'))
})

test('I3: what was committed in the middle of a pipeline is not run again', async () => {
  const client = await there.raw()
  await new Promise((resolve) => setTimeout(resolve, 150))
  const texts = [
    'begin',
    `insert into notes values (500, 'once')`,
    'commit',
    'select * from later where id = 1',
  ]
  expect(stateOf(await client.ask(...texts.flatMap(run), sync))).toBe('42P01')
  const check = await there.through()
  expect(await one(check, 'select count(*)::int from notes where id = 500')).toBe(1)
  await new Promise((resolve) => setTimeout(resolve, 150))
  expect(stateOf(await client.ask(...['begin', 'select * from later where id = 1'].flatMap(run), sync))).toBe(
    '42P01',
  )
})

test('what is refused after a Flush ends the session, and leaves nothing', async () => {
  const client = await there.raw()
  const add = (id: number): Buffer[] => [bind('add', [String(id), 'x']), execute()]
  const map = there.herd.placement()?.map as ShardMap
  const onShard = (shard: number): number =>
    Array.from({ length: 100 }, (_, at) => 1000 + at).find(
      (id) => locateKey(map, 'int8', id) === shard,
    ) as number
  const [onOne, onOther] = [onShard(0), onShard(1)]
  client.send(parse('add', 'insert into users (id, name) values ($1, $2)'), ...add(onOne), flush)
  await client.hear('C')
  client.send(...add(onOther), sync)
  await until('it is closed', () => client.closed)
  const check = await there.through()
  expect(await one(check, 'select count(*)::int from users where id > 100')).toBe(0)
})

test('an INSERT that is parted is answered as one that is not', async () => {
  const client = await there.raw()
  const text = 'insert into users (id, name) values ($1, $2), ($3, $4)'
  const rows = (from: number): Buffer =>
    bind(
      '',
      ['a', 'b'].flatMap((name, at) => [String(from + at), name]),
    )
  const plain = [parse('', text), rows(101), describeIt('P', ''), execute(), sync]
  expect(typesOf(await client.ask(...plain))).toBe('12nCZ')
  expect(typesOf(await client.ask(parse('', text), describeIt('S', ''), rows(103), execute(), sync))).toBe(
    '1tn2CZ',
  )
  expect(typesOf(await client.ask(parse('', text), rows(105), execute(), close('P', ''), sync))).toBe('12C3Z')
  await client.ask(parse('p', text), sync)
  const again = bind('p', ['107', 'a', '108', 'b'])
  expect(typesOf(await client.ask(again, execute(), sync))).toBe('2CZ')
  const check = await there.through()
  expect(await one(check, 'select count(*)::int from users where id > 100')).toBe(8)
})

test('the name of a statement that failed is free again', async () => {
  const client = await there.through()
  await client.query('begin')
  await client.query('select nothing').catch(() => {})
  const named = { name: 'named', text: 'select name from users where id = $1', values: [A] }
  await expect(client.query(named)).rejects.toMatchObject({ code: '25P02' })
  await client.query('rollback')
  const next = await there.raw()
  const missing = 'select * from later where id = 1'
  expect(stateOf(await next.ask(parse('m', missing), bind('m'), execute(), sync))).toBe('42P01')
  expect(stateOf(await next.ask(parse('m', 'select 1'), bind('m'), execute(), sync))).toBeNull()
})

test('a portal over all shards is gone on with in its transaction', async () => {
  const client = await there.raw()
  await client.ask(query('begin'))
  const all = parse('', 'select id from users order by id')
  expect(typesOf(await client.ask(all, bind('', [], { portal: 'f' }), execute('f', 2), sync))).toBe('12DDsZ')
  expect(typesOf(await client.ask(execute('f', 3), sync))).toBe('DDDsZ')
  await client.ask(query('rollback'))
})

test('who waits for locks on several shards gives up also after ROLLBACK TO', async () => {
  const client = await there.through()
  const patience = (id: number): Promise<unknown> =>
    one(client, `select current_setting('lock_timeout') from users where id = ${id}`)
  await client.query('begin')
  await client.query(`update users set name = 'x' where id = ${A}`)
  await client.query('savepoint a')
  await client.query(`update users set name = 'x' where id = ${B}`)
  await client.query('rollback to a')
  for (const id of [A, B]) expect(await patience(id)).not.toBe('0')
  await client.query('rollback')
})

test('what a transaction has set holds on each shard that joins it, whatever comment is behind it', async () => {
  const client = await there.through()
  await client.query('begin')
  await client.query(`set local work_mem = '7MB' -- for sorting`)
  await client.query('savepoint a -- here')
  await client.query(`set local statement_timeout = '50s' /* enough */;`)
  for (const id of [A, B])
    expect(
      await one(
        client,
        `select current_setting('work_mem') || ' ' || current_setting('statement_timeout') from users where id = ${id}`,
      ),
    ).toBe('7MB 50s')
  await client.query('rollback to a')
  await client.query('rollback')
})

test('who listens hears what its own transaction says', async () => {
  const client = await there.through()
  const heard: string[] = []
  client.on('notification', ({ payload }) => heard.push(payload ?? ''))
  await client.query('listen ch')
  await client.query('begin')
  await client.query(`select pg_notify('ch', 'said')`)
  await client.query('commit')
  await until('it is heard', () => heard.includes('said'))
})

test('an answer that comes late is nobody else’s', { timeout: 60_000 }, async () => {
  const [reader, writer] = [await there.raw(), await there.through()]
  await reader.ask(query('begin'))
  for (const id of [A, B]) await reader.ask(query(`select name from users where id = ${id}`))
  const shards = await Promise.all(['s1', 's2'].map((group) => connect(there.dsnOf(group, 'superuser'))))
  const pids = await Promise.all(
    shards.map(async (shard) => {
      const asked = `select pid from pg_stat_activity where state = 'idle in transaction' and usename = 'app'`
      return (await shard.query(asked)).rows[0].pid as number
    }),
  )
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  reader.send(query('commit'))
  await shards[0]?.query(`select pg_terminate_backend(${pids[0]})`)
  process.kill(pids[0] as number, 'SIGCONT')
  await new Promise((resolve) => setTimeout(resolve, 200))
  const answers = Array.from({ length: 6 }, (_, at) =>
    writer.query(`update users set name = 'late ${at}' where id = ${B} returning name`),
  )
  process.kill(pids[1] as number, 'SIGCONT')
  for (const [at, answer] of (await Promise.all(answers)).entries())
    expect(answer.rows).toEqual([{ name: `late ${at}` }])
  await reader.hear('Z')
})

test('a reference table can be written in the transaction that has made it', async () => {
  const client = await there.through()
  await client.query('begin')
  await client.query('create table rates (code text primary key, rate numeric default 1)')
  await client.query(`insert into rates (code) values ('EUR')`)
  await client.query(`insert into rates values ('USD', 1.1)`)
  await client.query('update rates set rate = rate * 2')
  await client.query('commit')
  for (const group of ['s1', 's2']) {
    const shard = await there.open(there.dsnOf(group))
    expect(await one(shard, 'select string_agg(code || rate, $$,$$ order by code) from rates')).toBe(
      'EUR2,USD2.2',
    )
  }
  await client.query('drop table rates')
})

test('a transaction that has lost a connection says 08006, whenever it hears of it', async () => {
  const client = await there.through()
  const shards = await Promise.all(['s1', 's2'].map((group) => there.open(there.dsnOf(group, 'superuser'))))
  const endThem = async (): Promise<void> => {
    const asked = `select pg_terminate_backend(pid) from pg_stat_activity where state like 'idle in transaction%' and usename = 'app'`
    for (const shard of shards) await shard.query(asked)
  }
  const begin = async (): Promise<void> => {
    await client.query('begin')
    for (const id of [A, B]) await client.query(`update users set name = 'lost' where id = ${id}`)
  }
  for (const next of [
    `select name from users where id = ${A}`,
    `update users set name = 'x'`,
    'savepoint s',
    'commit',
  ]) {
    await begin()
    await endThem()
    await new Promise((resolve) => setTimeout(resolve, 50))
    await expect(client.query(next), next).rejects.toMatchObject({ code: '08006' })
    if (next !== 'commit') await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' })
    await client.query('rollback')
  }
  await begin()
  const waits = client.query(`select pg_sleep(30) from users where id = ${A}`)
  const failed = expect(waits).rejects.toMatchObject({ code: '08006' })
  await until('it sleeps', async () => {
    const asked = `select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep%' and usename = 'app'`
    return (await Promise.all(shards.map((shard) => shard.query(asked)))).some(
      ({ rowCount }) => rowCount === 1,
    )
  })
  await failed
  await client.query('rollback')
  expect(await one(client, `select count(*)::int from users where name in ('lost', 'x')`)).toBe(0)
})

test('a setting of pgherd that is refused fails its transaction', async () => {
  const client = await there.raw()
  const bad = `set pgherd.consistency = 'whatever'`
  await client.ask(query('begin'))
  await client.ask(query(`update users set name = 'x' where id = ${A}`))
  expect(stateOf(await client.ask(query(bad)))).toBe('22023')
  expect(stateOf(await client.ask(query('select 1')))).toBe('25P02')
  await client.ask(query('rollback'))
  const heard = await client.ask(...run(`update users set name = 'x' where id = ${A}`), parse('', bad), sync)
  expect([typesOf(heard), stateOf(heard)]).toEqual(['12nCEZ', '22023'])
  await client.ask(query('begin'))
  expect(stateOf(await client.ask(parse('', bad), sync))).toBe('22023')
  expect(stateOf(await client.ask(query('select 1')))).toBe('25P02')
  await client.ask(query('rollback'))
  expect(await one(await there.through(), `select count(*)::int from users where name = 'x'`)).toBe(0)
})

const NAMED: [what: string, text: string, fails: () => unknown[], works: () => unknown[]][] = [
  [
    'rows of several shards',
    'insert into users values ($1, $2), ($3, $2)',
    () => [A, 'x', B],
    () => [91, 'x', 92],
  ],
  ['all shards', 'update users set name = $1', () => [null], () => ['all']],
  ['rows that move', 'update users set id = $1 where id = $2', () => [B, A], () => [1000, A]],
  [
    'rows of a query',
    'insert into users select id + $1, name from users where id in (1, 2, 3)',
    () => [0],
    () => [500],
  ],
  ['one shard', 'insert into users values ($1, $2)', () => [A, 'x'], () => [93, 'x']],
  ['a group', 'select 1 / $1 from notes right join (select 1) one on true', () => [0], () => [1]],
  ['a read of all shards', 'select count(*) from users where 1 / $1 > 0', () => [0], () => [1]],
  [
    'the federation',
    'select u.id from users u join users o using (name) where 1 / $1 > 0',
    () => [0],
    () => [1],
  ],
  [
    'a key that is missing',
    'insert into users values ($1, $2), ($3, $2)',
    () => [null, 'x', B],
    () => [94, 'x', 95],
  ],
]

test.each(NAMED)(
  'a statement prepared for %s can be used after it has failed',
  async (_, text, fails, works) => {
    const client = await there.through()
    const run = (name: string, values: unknown[]) => client.query({ name, text, values })
    for (let times = 0; times < 2; times++)
      await expect(run('one', fails())).rejects.toMatchObject({ code: expect.stringMatching(/^2/) })
    await client.query('begin')
    await expect(run('two', fails())).rejects.toMatchObject({ code: expect.stringMatching(/^2/) })
    await expect(run('three', works())).rejects.toMatchObject({ code: '25P02' })
    await client.query('rollback')
    await run('one', works())
    await client.query('truncate users')
    await client.query('begin')
    await run('two', works())
    await run('three', fails()).catch(() => {})
    await client.query('rollback')
    await run('three', works())
  },
)

const MANY: [what: string, text: string][] = [
  ['rows of several shards', `insert into users values (101, 'x'), (102, 'x'), (103, 'x')`],
  ['all shards', `update users set name = 'x'`],
  ['rows that move', 'update users set id = id + 100'],
  ['rows of a query', 'insert into users select id + 100, name from users'],
  ['tables', 'truncate users'],
]

async function usersNow(): Promise<unknown> {
  return one(await there.through(), `select string_agg(id || name, ',' order by id) from users`)
}

test.each(MANY)('what drivers ask one row of and gives none is done: %s', async (_, text) => {
  const client = await there.raw()
  const before = await usersNow()
  expect(typesOf(await client.ask(parse('', text), bind(''), execute('', 1), sync))).toBe('12CZ')
  expect(await usersNow()).not.toBe(before)
})

test('what several groups have to give is refused by who wants it piece by piece, and undone', async () => {
  const client = await there.raw()
  const before = await usersNow()
  const text = `update users set name = 'x' returning id`
  expect(stateOf(await client.ask(parse('', text), bind(''), execute('', 12), sync))).toBe('0A000')
  expect(await usersNow()).toBe(before)
  const heard = await client.ask(parse('', text), bind(''), execute('', 13), sync)
  expect(typesOf(heard)).toBe(`12${'D'.repeat(12)}CZ`)
})

test.each(MANY)('what is bound and not executed changes nothing: %s', async (_, text) => {
  const client = await there.raw()
  const before = await usersNow()
  expect(stateOf(await client.ask(parse('', text), bind(''), describeIt('P', ''), sync))).toBe('0A000')
  expect(stateOf(await client.ask(parse('', text), bind(''), execute(), execute(), sync))).toBe('0A000')
  expect(await usersNow()).toBe(before)
})

test('a read of all shards that is bound and not executed gives no rows', async () => {
  const client = await there.raw()
  const asked = [parse('', 'select id from users'), bind(''), describeIt('P', '')]
  expect(typesOf(await client.ask(...asked, sync))).toBe('12TZ')
})

test.each([...MANY, ['a read of all shards', 'select id from users where false']])(
  'a statement that is closed after its run is closed after it: %s',
  async (_, text) => {
    const client = await there.raw()
    const heard = await client.ask(parse('', text), bind(''), execute(), close('S', ''), sync)
    expect(typesOf(heard)).toBe('12C3Z')
  },
)

test('a transaction that has failed lets things be closed, and what ends it be prepared', async () => {
  const client = await there.raw()
  await client.ask(query('begin'))
  await client.ask(query(`update users set name = 'x' where id = ${A}`))
  await client.ask(query('savepoint s'))
  const rows = [parse('all', 'select id from users where id = 1'), bind('all', [], { portal: 'p' })]
  await client.ask(...rows, execute('p', 1), sync)
  await client.ask(query('select nothing'))
  const back = parse('back', 'rollback to s')
  expect(typesOf(await client.ask(close('P', 'p'), close('S', 'all'), sync))).toBe('33Z')
  expect(typesOf(await client.ask(back, describeIt('S', 'back'), flush, sync))).toBe('1tnZ')
  expect(stateOf(await client.ask(parse('no', 'select 1'), sync))).toBe('25P02')
  expect(typesOf(await client.ask(bind('back'), execute(), sync))).toBe('2CZ')
  await client.ask(query('select nothing'))
  const end = [parse('end', 'rollback'), bind('end'), execute()]
  expect(typesOf(await client.ask(close('P', 'nosuch'), ...end, sync))).toBe('312CZ')
})

test('a portal over all shards that comes along with BEGIN is gone on with', async () => {
  const client = await there.raw()
  const opened = [parse('', 'select id from users order by id'), bind('', [], { portal: 'f' })]
  const begin = [parse('', 'begin'), bind(''), execute()]
  expect(typesOf(await client.ask(...begin, ...opened, execute('f', 2), sync))).toBe('12C12DDsZ')
  expect(typesOf(await client.ask(execute('f', 3), sync))).toBe('DDDsZ')
  await client.ask(query('rollback'))
})

test.each(['users', 'notes', 'users where id = 1'])(
  'a cursor that SQL declares of %s is a portal',
  async (rows) => {
    const client = await there.raw()
    await client.ask(query('begin'))
    await client.ask(query(`declare "my cursor" cursor for select id from ${rows}`))
    expect(typesOf(await client.ask(describeIt('P', 'my cursor'), sync))).toBe('TZ')
    expect(typesOf(await client.ask(execute('my cursor', 0), sync))).toMatch(/^D*CZ$/)
    await client.ask(query('rollback'))
  },
)

test('a session does not keep what no server takes', async () => {
  const client = await there.through()
  await client.query('begin')
  await client.query('set role nosuchrole').catch(() => {})
  await client.query('commit').catch(() => {})
  for (const text of [`select name from users where id = ${A}`, 'select 1', 'select count(*) from users'])
    await client.query(text)
})

test.each(MANY)(
  'a setting of pgherd in one pipeline with others is answered in its turn: %s',
  async (_, text) => {
    const client = await there.raw()
    const set = run(`set pgherd.consistency = 'session'`)
    expect(typesOf(await client.ask(...set, ...set, ...run(text), ...set, sync))).toBe(`${'12nC'.repeat(4)}Z`)
  },
)

test('what SHOW says is no write: a read of several shards sees all there is', async () => {
  const client = await there.through()
  await client.query('begin read only')
  await client.query('show transaction_isolation')
  const paired = 'select count(*)::int from users u join users o using (name)'
  expect(await one(client, paired)).toBe(12)
  await client.query('commit')
})
