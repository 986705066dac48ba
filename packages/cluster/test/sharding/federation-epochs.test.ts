import { makeShardMap, type ShardMap } from '@pgherd/core/sharding'
import pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { connect, scratchHerd, until } from '../../../../test/scratch-herd.js'
import type { Herd } from '../../src/index.js'

const ROWS = 200
const CHANGES = 3
let herd: Herd

/**
 * What a move does when it is perfect: the rows that change places are on both shards, and each shard shows
 * them as long as somebody may be on it under the map by which they are its own. s1 has them under odd epochs.
 */
const MOVING = `
  create table users (id bigint primary key, moves bool not null);
  create table orders (user_id bigint, amount int, moves bool not null);
  create function shows(parity int) returns bool language sql stable
    return (select epoch % 2 = parity or fenced_epoch % 2 = parity from pgherd.placement);`
const policiesOf = (parity: number) =>
  ['users', 'orders']
    .map(
      (
        table,
      ) => `alter table ${table} enable row level security; alter table ${table} force row level security;
        create policy moving on ${table} using (not moves or shows(${parity})) with check (true);`,
    )
    .join('\n')

beforeAll(async () => {
  herd = await scratchHerd(`
groups: [{ name: home, nodes: 1 }, { name: s, count: 2, nodes: 1 }]
sharding:
  strategy: modulo
  groups: [s1, s2]
  tables: { users: { key: id }, orders: { key: user_id } }
`)
  // Key by key to be placed as they are: odd ones and even ones cannot be told from outside, so all of s1 moves.
  const map = mapInForce()
  for (const [shard, parity] of [
    ['s1', 1],
    ['s2', 0],
  ] as const) {
    const client = await connect(dsnOf(shard))
    await client.query(MOVING + policiesOf(parity))
    const own = `mod((hashint8extended(id, 0) >> 32) & 4294967295, 2) = ${map.shards.indexOf('s2')}`
    const all = `(select id, not (${own}) as moves from generate_series(1, ${ROWS}) id) as k`
    const here = shard === 's1' ? 'where moves' : ''
    await client.query(`insert into users select id, moves from ${all} ${here};
      insert into orders select id, id % 7, moves from ${all}, generate_series(1, 3) ${here}`)
  }
  const home = await connect(dsnOf('home'))
  const { rows } = await home.query('select pgherd.note_schema_change() as noted')
  await until('the federation has the tables', async () => {
    const { rowCount } = await home.query('select from pgherd.schema_change where done >= $1', [
      rows[0].noted,
    ])
    return rowCount === 1
  })
}, 120_000)

function dsnOf(
  group: string,
  database = herd.spec.database,
  role: 'application' | 'superuser' = 'application',
) {
  const url = new URL(herd.dsn(herd.primaryOf(group)?.name as string, role))
  url.pathname = `/${database}`
  return url.href
}

function mapInForce(): ShardMap {
  const placement = herd.placement()
  if (placement === null) throw new Error('no placement')
  return placement.map
}

const federation = () => `${herd.spec.database}_herd`

/** The next map: what the one shard has the other gets, and what moved before comes back. */
function nextMap(map: ShardMap): ShardMap {
  const epoch = map.epoch + 1
  const stretches = [
    { from: 0n, owner: epoch % 2 === 1 ? 's1' : 's2' },
    { from: 1n, owner: 's2' },
  ]
  return makeShardMap({ epoch, line: map.line, shards: map.shards, stretches })
}

/** A session was ended, here or on a shard, or a shard refused its epoch. */
const AGAIN = /^(57P01|08001|08003|08006)$/

test('I8: no federated read misses or repeats a row while the map changes', {
  timeout: 120_000,
}, async () => {
  const amounts = Array.from({ length: ROWS }, (_, id) => ((id + 1) % 7) * 3).reduce(
    (sum, each) => sum + each,
  )
  const reads: [text: string, values: (at: number) => unknown[], right: (at: number) => unknown[]][] = [
    ['select count(*)::int, count(distinct id)::int from users', () => [], () => [[ROWS, ROWS]]],
    ['select id::int from users where id = $1', (at) => [at], (at) => [[at]]],
    [
      'select count(*)::int, sum(amount)::int from users u join orders o on u.id = o.user_id',
      () => [],
      () => [[3 * ROWS, amounts]],
    ],
    [
      // No key in common: put together on home.
      'select count(*)::int from users u join orders o on o.user_id = u.id + 1',
      () => [],
      () => [[3 * (ROWS - 1)]],
    ],
  ]
  const wrong: unknown[] = []
  const refused = new Map<string, number>()
  const done = reads.map(() => 0)
  let going = true
  const readers = [...reads, ...reads].map(async ([text, values, right], index) => {
    const kind = index % reads.length
    let client: pg.Client | null = null
    for (let at = 1; going; at = (at % ROWS) + 1) {
      try {
        client ??= await reader()
        const { rows } = await client.query({ name: 'kept', text, values: values(at), rowMode: 'array' })
        done[kind] = (done[kind] as number) + 1
        if (JSON.stringify(rows) !== JSON.stringify(right(at))) wrong.push([text, at, rows])
      } catch (error) {
        const said = error instanceof pg.DatabaseError ? (error.code as string) : 'lost'
        refused.set(said, (refused.get(said) ?? 0) + 1)
        if (said !== 'lost' && !AGAIN.test(said)) wrong.push(error)
        await client?.end().catch(() => {})
        client = null
      }
    }
    await client?.end().catch(() => {})
  })
  for (let change = 0; change < CHANGES; change++) {
    const before = [...done]
    await until('every reader has read under this map', () =>
      done.every((count, at) => count > (before[at] as number) + 5),
    )
    await herd.changePlacement({ map: nextMap(mapInForce()) })
  }
  const before = [...done]
  await until('every reader has read under the last map', () =>
    done.every((count, at) => count > (before[at] as number) + 5),
  )
  going = false
  await Promise.all(readers)
  expect(wrong).toEqual([])
  expect([...refused.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0)
})

async function reader(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: dsnOf('home', federation()) })
  client.on('error', () => {})
  await client.connect()
  return client
}

test('I8: who was about to begin when the map changed is ended too', async () => {
  const { epoch } = mapInForce()
  const client = new pg.Client({
    connectionString: dsnOf('s1'),
    // Judged by its epoch, and not yet shown as a session.
    options: `-c default_text_search_config=pgherd.shard_map_of_epoch_${epoch} -c post_auth_delay=2`,
  })
  client.on('error', () => {})
  const begun = client
    .connect()
    .then(() => client.query('select 1 as served'))
    .catch((error: Error) => error)
  const admin = await connect(dsnOf('s1', herd.spec.database, 'superuser'))
  await until('it is about to begin', async () => {
    const { rowCount } = await admin.query(
      `select from pg_locks where classid = 'pg_database'::regclass and mode = 'RowExclusiveLock'`,
    )
    return rowCount === 1
  })
  await herd.changePlacement({ map: nextMap(mapInForce()) })
  expect(await begun).toBeInstanceOf(Error)
  await client.end().catch(() => {})
})

test('who comes to a shard as the federation, under another epoch, is told of which', async () => {
  const { epoch } = mapInForce()
  const under = (named: number) => {
    const url = new URL(dsnOf('s1'))
    url.searchParams.set('options', `-cdefault_text_search_config=pgherd.shard_map_of_epoch_${named}`)
    return connect(url.href)
  }
  await under(epoch)
  await expect(under(epoch - 1)).rejects.toThrow(
    `invalid value for parameter "default_text_search_config": "pgherd.shard_map_of_epoch_${epoch - 1}"`,
  )
})
