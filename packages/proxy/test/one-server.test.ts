import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { nodesOfHerd, scratchHerd, until } from '../../../test/scratch-herd.js'
import { WireProxy } from '../src/index.js'
import {
  bind,
  close,
  copyData,
  copyDone,
  describe as describeStatement,
  execute,
  flush,
  functionCall,
  parse,
  query,
  RawClient,
  readable,
  sync,
} from './raw-client.js'

// Clients that have one server connection between them: whatever one leaves on it, another would find.

/** Who has heard nothing for so long is not going to be answered, however busy the machine. */
const SILENCE_MS = 30_000

let herd: Herd
let proxy: WireProxy
let url: string
let direct: pg.Client
const raws: RawClient[] = []

beforeAll(async () => {
  herd = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
  const [node] = await nodesOfHerd(herd)
  proxy = await WireProxy.start({
    nodes: await nodesOfHerd(herd, 'superuser'),
    port: 0,
    maxServers: 1,
    lanes: { max: 1 },
  })
  const through = new URL(node as string)
  through.port = String(proxy.address.port)
  url = through.href
  direct = new pg.Client(node)
  await direct.connect()
}, 120_000)

afterEach(() => {
  for (const raw of raws.splice(0)) raw.end()
})

afterAll(async () => {
  await direct.end()
  await proxy.close()
})

async function raw(settings: Record<string, string> = {}): Promise<RawClient> {
  const client = await RawClient.open(url, settings)
  raws.push(client)
  return client
}

/** As a person would read it: rows as values with bars between. */
function plainly(messages: readonly Buffer[]): string {
  return messages
    .map((message) => {
      if (message[0] !== 0x44) return readable([message])[0]
      const values: string[] = []
      for (let at = 7; at < message.length; ) {
        const length = message.readInt32BE(at)
        values.push(message.toString('utf8', at + 4, at + 4 + Math.max(0, length)))
        at += 4 + Math.max(0, length)
      }
      return `D ${values.join('|')}`
    })
    .join('\n')
}

/** What it is told up to ReadyForQuery. */
async function say(client: RawClient, ...messages: Buffer[]): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const silence = new Promise<Buffer[]>((resolve) => {
    timer = setTimeout(resolve, SILENCE_MS, [])
  })
  return plainly(await Promise.race([client.ask(...messages), silence]).finally(() => clearTimeout(timer)))
}

const run = (text: string): Buffer[] => [parse('', text), bind(''), execute()]
const show = (client: RawClient, name: string): Promise<string> => say(client, query(`show ${name}`))
const ownLocks = `select count(*) as locks from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`

test('I6: what follows a DISCARD ALL in one pipeline is its client’s alone', async () => {
  const [one, other] = [await raw(), await raw()]
  const before = await show(other, 'timezone')
  await say(
    one,
    ...run('discard all'),
    ...run(`set timezone = 'Asia/Tokyo'`),
    ...run('select pg_advisory_lock(77)'),
    sync,
  )
  expect(await show(one, 'timezone')).toContain('Asia/Tokyo')
  one.end()
  expect(await show(other, 'timezone')).toBe(before)
  expect(await say(other, query(ownLocks))).toContain('D 0')
})

test('I6: a function that is called by its number leaves nothing to others', async () => {
  const { rows } = await direct.query(`select 'set_config'::regproc::oid as oid`)
  const [one, other] = [await raw(), await raw()]
  await say(one, functionCall(rows[0].oid, ['search_path', 'stolen', '0']))
  expect(await show(other, 'search_path')).not.toContain('stolen')
})

test('I6: what was done in another encoding is not forgotten over a later DDL', async () => {
  const [one, other] = [await raw({ client_encoding: 'LATIN1' }), await raw({ client_encoding: 'LATIN1' })]
  await say(one, query(`set timezone = 'Asia/Tokyo'`))
  await say(one, query(`set client_encoding = 'UTF8'`))
  await say(one, query('create table later ()'))
  await say(one, query('drop table later'))
  one.end()
  expect(await show(other, 'timezone')).not.toContain('Asia/Tokyo')
})

test('I6: strings with backslashes in them hide nothing', async () => {
  const one = await raw({ options: '-c standard_conforming_strings=off' })
  await say(one, query(`select '\\'' , pg_advisory_lock(42) --'`))
  one.end()
  await until('the lock is gone', async () => {
    const { rows } = await direct.query(`select 1 from pg_locks where locktype = 'advisory' and objid = 42`)
    return rows.length === 0
  })
})

test('the two parts of DateStyle do not mix, not even with those of others', async () => {
  const [one, other] = [await raw(), await raw()]
  await say(one, query(`set datestyle = 'SQL, DMY'`))
  await say(other, query(`set datestyle = 'ISO'`))
  expect(await say(other, query('show datestyle'))).toContain('ISO, MDY')
  other.end()
  await say(one, query(`set datestyle = 'ISO'`))
  expect(await say(one, query(`select '01/02/2020'::date, pg_backend_pid() > 0`))).toContain('2020-02-01')
})

test('a statement means what it means under the settings of its client', async () => {
  const [one, other] = [new pg.Client(url), new pg.Client(url)]
  await Promise.all([one.connect(), other.connect()])
  const noon = {
    name: 'noon',
    text: `select ('2020-01-01 12:00'::timestamptz at time zone 'UTC')::text as at, pg_backend_pid() > 0 as own`,
  }
  const at = async (client: pg.Client): Promise<string> => (await client.query(noon)).rows[0].at
  const plain = await at(other)
  await one.query(`set timezone = 'Asia/Tokyo'`)
  expect(await at(one)).toBe('2020-01-01 03:00:00')
  expect(await at(other)).toBe(plain)
  await other.query('begin')
  await other.query(`set local timezone = 'Asia/Tokyo'`)
  expect(await at(other)).toBe('2020-01-01 03:00:00')
  await other.query('commit')
  expect(await at(other)).toBe(plain)
  await Promise.all([one.end(), other.end()])
})

test('I6: no view and no odd spelling shows the statements of others', async () => {
  const [one, other] = [new pg.Client(url), new pg.Client(url)]
  await Promise.all([one.connect(), other.connect()])
  await other.query('create view prepared_here as select statement from pg_prepared_statements')
  for (const text of [
    'select statement from prepared_here',
    'with seen as (select statement from prepared_here) select * from seen',
    'select statement from U&"pg\\005fprepared_statements"',
  ]) {
    await one.query({ name: 'mine', text: `select txid_current(), 'secret of one'` })
    const { rows } = await other.query(text)
    expect(JSON.stringify(rows), text).not.toContain('secret')
  }
  await other.query('drop view prepared_here')
  await Promise.all([one.end(), other.end()])
})

test('a batch that ends with a Flush is answered, also where the connection has to be made ready', async () => {
  const [named, plain] = [await raw({ application_name: 'named' }), await raw()]
  await say(plain, query('select txid_current()'))
  expect(await say(named, parse('', 'select 7'), flush, bind(''), execute(), sync)).toContain('D 7')
  await say(plain, parse('q', `select txid_current(), 'secret'`), bind('q'), execute(), sync)
  await say(named, query('begin'))
  expect(
    await say(
      named,
      ...run('select count(*), 111 from pg_prepared_statements'),
      flush,
      ...run('select 222'),
      sync,
    ),
  ).toMatch(/111[\s\S]*222/)
  await say(named, query('commit'))
})

test('no batch is lost while the catalogue is read or the proxy is paused', async () => {
  const one = await raw()
  await say(one, query('listen something'))
  const both = [...run('select 111'), flush, ...run('select 222'), flush, sync]
  one.send(query('create table passing ()'), ...both)
  const heard = plainly([...(await one.hear('Z')), ...(await one.hear('Z'))])
  expect(heard).toMatch(/111[\s\S]*222/)
  await proxy.pause(null)
  one.send(...both)
  proxy.resume(null)
  expect(plainly(await one.hear('Z'))).toMatch(/111[\s\S]*222/)
  await say(one, query('drop table passing'))
})

test('an error of the proxy’s own is told before the Sync', async () => {
  const one = await raw()
  one.send(parse('', 'set pgherd.foo = 1'), describeStatement('S', ''), flush)
  expect(plainly(await one.hear('E'))).toContain('pgherd.foo')
  expect(await say(one, bind(''), execute(), sync)).not.toContain('C ')
  expect(await say(one, query('select 1'))).toContain('D 1')
})

test('a COPY that is done keeps no connection', async () => {
  const [one, other] = [await raw(), await raw()]
  await say(one, query('create table taken (id int)'))
  await say(one, query('copy taken from stdin'), copyData('1\n2\n'), copyDone)
  expect(await say(other, query('select txid_current() > 0, count(*) from taken'))).toContain('D t|2')
  await say(one, query('drop table taken'))
})

test('a name that the encoding does not have is shown as servers show it', async () => {
  const one = await raw({ client_encoding: 'SJIS', application_name: 'café ☃' })
  expect(await say(one, query('select txid_current() > 0'))).toContain('D t')
})

test('lanes that are used up are closed, each of them', async () => {
  const one = await raw()
  for (let at = 0; at < 2100; at++)
    await one.ask(
      parse(`s${at}`, `select ${at} as c${at}`),
      bind(`s${at}`),
      execute(),
      close('S', `s${at}`),
      sync,
    )
  await until('one is left', async () => {
    const { rows } = await direct.query(
      `select count(*)::int as n from pg_stat_activity where usename = 'app' and pid <> pg_backend_pid()`,
    )
    return rows[0].n <= proxy.facts.servers.length
  })
})

test('what is prepared behind a DEALLOCATE ALL in one pipeline is there', async () => {
  const one = await raw()
  await say(one, query('listen here'))
  const text = 'select 5 as five, txid_current() > 0'
  await say(one, ...run('deallocate all'), parse('s', text), bind('s'), execute(), sync)
  expect(await say(one, bind('s'), execute(), sync)).toContain('D 5')
  expect(await say(one, parse('t', text), bind('t'), execute(), sync)).toContain('D 5')
})

test('RESET ALL leaves a client its name, also while it keeps its connection', async () => {
  const one = await raw({ application_name: 'mine' })
  await say(one, query('listen here'))
  await say(one, query('reset all'))
  expect(await show(one, 'application_name')).toContain('mine')
})

test('a command of the proxy’s own ends with its Close', async () => {
  const one = await raw()
  const answer = await say(one, parse('c', 'show pgherd.plan'), close('S', 'c'), bind('c'), execute(), sync)
  expect(answer).toContain('26000')
})

test('comments before SET pgherd.consistency do not make it the server’s', async () => {
  const one = await raw()
  await say(one, query(`/* web */ -- here\n set pgherd.consistency = 'primary'`))
  expect(await show(one, 'pgherd.consistency')).toContain('primary')
})

test('I6: what is prepared by SQL keeps no connection, and is its client’s alone', async () => {
  const [one, other] = [await raw(), await raw()]
  await say(one, query(`prepare p (int) as select 'one' as who, $1 + 1`))
  expect(await say(other, query('execute p (1)'))).toContain('26000')
  await say(other, query(`PREPARE "p" AS select 'other' as who`))
  for (let at = 0; at < 3; at++) {
    expect(await say(one, query(`execute p (${at})`))).toContain(`D one|${at + 1}`)
    expect(await say(other, query('EXECUTE P;'))).toContain('D other')
    expect(await say(one, ...run('execute p (7)'), sync)).toContain('D one|8')
  }
  expect(await say(one, bind('p', ['4']), execute(), sync)).toContain('D one|5')
  expect(await say(one, query('select name from pg_prepared_statements where from_sql'))).toMatch(/^D p$/m)
  expect(await say(one, query('prepare p as select 1'))).toContain('42P05')
  expect(await say(one, query('deallocate p'))).toContain('C DEALLOCATE')
  expect(await say(one, query('execute p (1)'))).toContain('26000')
  expect(await say(one, query('deallocate p'))).toContain('26000')
  expect(await say(other, query('execute p'))).toContain('D other')
  for (const end of ['deallocate all', 'discard all']) {
    await say(one, query(`prepare again as select 'again'`))
    await say(one, query('reset all'))
    expect(await say(one, query('execute again'))).toContain('D again')
    expect(await say(one, query(end))).toContain(`C ${end.toUpperCase()}`)
    expect(await say(one, query('execute again'))).toContain('26000')
    expect(await say(other, query('execute p'))).toContain('D other')
  }
})

test('EXECUTE is judged by what it runs', async () => {
  const [one, other] = [await raw(), await raw()]
  // Through the proxy, which then knows it when it is asked about it.
  await say(one, query('create table judged (id int)'))
  await say(one, query('prepare lock (int) as select pg_advisory_lock($1)'))
  await say(one, query('prepare add (int) as insert into judged values ($1) returning id'))
  expect(await say(one, query('execute add (3)'))).toContain('D 3')
  // It holds nothing, so another client gets its turn.
  expect(await say(other, query('select count(*), txid_current() > 0 from judged'))).toContain('D 1|')
  await say(one, query('execute lock (78)'))
  one.end()
  expect(await say(other, query(ownLocks))).toContain('D 0')
})

test('what is prepared by SQL keeps its meaning, whatever is set later', async () => {
  const [one, other] = [await raw(), await raw()]
  const text = `prepare noon as select timestamptz '2026-01-01 12:00' = timestamptz '2026-01-01 12:00+00' as is_utc`
  await say(one, query(`set timezone = 'UTC'`))
  await say(one, query(text))
  await say(other, query(`set timezone = 'Asia/Tokyo'`))
  await say(other, query(text))
  expect(await say(one, query('execute noon'))).toContain('D t')
  expect(await say(other, query('execute noon'))).toContain('D f')
  expect(await say(one, query('execute noon'))).toContain('D t')
  other.end()
  await say(one, query(`set timezone = 'America/New_York'`))
  expect(await say(one, query('execute noon'))).toContain('D t')
})

test('what cannot be prepared again is missed by those who execute it, and by nobody else', async () => {
  const [one, other] = [await raw(), await raw()]
  await direct.query('create table dropped (id int)')
  await say(one, query('prepare gone as select * from dropped'))
  await say(one, query('prepare kept as select 9'))
  await say(other, query(`set work_mem = '1MB'`))
  await direct.query('drop table dropped')
  await say(other, query('select txid_current()'))
  expect(await say(one, query('select txid_current() > 0'))).toContain('D t')
  expect(await say(one, query('execute gone'))).toContain('26000')
  expect(await say(one, query('execute kept'))).toContain('D 9')
  await say(one, query('deallocate gone'))
  expect(await say(one, query('select name from pg_prepared_statements where from_sql'))).toMatch(/^D kept$/m)
})
