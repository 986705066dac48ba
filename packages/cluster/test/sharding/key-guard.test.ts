import { randomUUID } from 'node:crypto'
import {
  consistentHashMap,
  type KeyType,
  locateKey,
  locateRow,
  moduloMap,
  type Placement,
  rangeMap,
  type ShardMap,
} from '@pgherd/core/sharding'
import type pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { Random } from '../../../../test/random.js'
import { connect, scratchHerd } from '../../../../test/scratch-herd.js'
import { writeGroupPlacement } from '../../src/sharding/placement-row.js'

/* Triggers that change keys, and what a shard knows of whose rows are. */

const SHARDS = ['s1', 's2', 's3']
const TABLE: Placement['tables'] = { 'public.things': { kind: 'sharded', key: ['k'] } }
const chance = new Random(20_261_122)
let nodeDsn: string
let databases = 0

beforeAll(async () => {
  const herd = await scratchHerd('groups: [{ name: home, nodes: 1 }]')
  nodeDsn = herd.dsn('home-1', 'superuser')
}, 120_000)

/** A database that takes itself for shard s2 under this map. */
async function shardUnder(map: ShardMap, tables: Placement['tables'] = TABLE): Promise<pg.Client> {
  const name = `shard_${++databases}`
  await (await connect(nodeDsn)).query(`create database ${name} template template0`)
  const url = new URL(nodeDsn)
  url.pathname = `/${name}`
  const client = await connect(url.href)
  const groups = ['home', ...SHARDS].map((group) => ({ name: group, nodes: [] }))
  await writeGroupPlacement(client, { map, tables, groups, home: 'home' }, 's2', {
    number: 2,
    strided: false,
  })
  return client
}

const KEYS: Record<KeyType, () => string> = {
  int2: () => String(chance.between(-32_768, 32_767)),
  int4: () => String(chance.between(-2_147_483_648, 2_147_483_647)),
  int8: () => String(BigInt.asIntN(64, BigInt(chance.between(0, 2 ** 32)) << BigInt(chance.between(0, 62)))),
  text: () => chance.pick(['', 'a', 'Zoë', '€', '𝄞', 'z', '\uffff']) + chance.between(0, 99_999),
  varchar: () => `v${chance.between(0, 99_999)}`,
  uuid: () => randomUUID(),
}

const MAPS: [name: string, map: ShardMap, types: KeyType[]][] = [
  ['hashes', consistentHashMap(SHARDS), ['int2', 'int4', 'int8', 'text', 'varchar', 'uuid']],
  ['remainders', moduloMap(SHARDS), ['int8', 'text', 'uuid']],
  ['ranges of numbers', rangeMap('integer', SHARDS, [-5n, 1_000_000n]), ['int2', 'int4', 'int8']],
  ['ranges of text', rangeMap('text', SHARDS, ['Zoë', '€2']), ['text', 'varchar']],
  [
    'ranges of uuids',
    rangeMap('uuid', SHARDS, [
      '40000000-0000-4000-8000-000000000000',
      'a0000000-0000-4000-8000-000000000000',
    ]),
    ['uuid'],
  ],
]

test.each(MAPS)(
  'I8: a shard takes the rows it owns, and no others, from a table with triggers: %s',
  async (_, map, types) => {
    for (const type of types) {
      const client = await shardUnder(map)
      await client.query(`create table things (k ${type}, n int)`)
      await client.query(`create function pass() returns trigger language plpgsql as 'begin return new; end'`)
      await client.query(
        'create trigger pass before insert or update on things for each row execute function pass()',
      )
      let own = 0
      for (let at = 0; at < 60; at++) {
        const key = KEYS[type]()
        const isOwn = map.shards[locateKey(map, type, key)] === 's2'
        const inserted = client.query('insert into things values ($1, 1)', [key])
        if (isOwn) expect((await inserted).rowCount).toBe(1)
        else
          await expect(inserted).rejects.toMatchObject({ code: '23514', constraint: 'pgherd_guards_insert' })
        if (isOwn) own++
      }
      if (map.line.kind !== 'key') expect(own).toBeGreaterThan(5)
    }
  },
)

test('I8: the same for keys of several columns, one of which may be NULL', async () => {
  const map = consistentHashMap(SHARDS)
  const client = await shardUnder(map, { 'public.things': { kind: 'sharded', key: ['a', 'b', 'c'] } })
  await client.query('create table things (c uuid, a int, n int, b text)')
  await client.query(`create function pass() returns trigger language plpgsql as 'begin return new; end'`)
  await client.query('create trigger pass before insert on things for each row execute function pass()')
  for (let at = 0; at < 100; at++) {
    const key = (['int4', 'text', 'uuid'] as const).map((type) => (chance.chance(0.1) ? null : KEYS[type]()))
    const isOwn = map.shards[locateRow(map, ['int4', 'text', 'uuid'], key as string[])] === 's2'
    const inserted = client.query('insert into things (a, b, c) values ($1, $2, $3)', key)
    if (isOwn) await inserted
    else await expect(inserted).rejects.toMatchObject({ code: '23514' })
  }
})

test('a table is guarded for as long as it has triggers that may change its rows', async () => {
  const client = await shardUnder(moduloMap(SHARDS))
  const guards = async (): Promise<string[]> =>
    (await client.query(`select tgname from pg_trigger where tgname like 'pgherd%' order by 1`)).rows.map(
      ({ tgname }) => tgname,
    )
  await client.query('create table things (k int, n int)')
  await client.query(`create function pass() returns trigger language plpgsql as 'begin return new; end'`)
  await client.query('create trigger after_all after insert on things for each row execute function pass()')
  expect(await guards()).toEqual([])
  await client.query(
    'create trigger pass before insert or update on things for each row execute function pass()',
  )
  expect(await guards()).toEqual(['pgherd_guards_insert', 'pgherd_guards_update'])
  await client.query('drop trigger pass on things')
  expect(await guards()).toEqual([])
  await client.query('create trigger pass before update on things for each row execute function pass()')
  expect(await guards()).toEqual(['pgherd_guards_update'])
  await client.query('drop function pass() cascade')
  expect(await guards()).toEqual([])
})

test('partitions are guarded with their table, and by themselves', async () => {
  const map = moduloMap(SHARDS)
  const client = await shardUnder(map)
  const [own, strange] = [true, false].map((isOwn) =>
    Array.from({ length: 100 }, (_, k) => k).find(
      (k) => (map.shards[locateKey(map, 'int4', k)] === 's2') === isOwn,
    ),
  )
  await client.query('create table things (k int, n int) partition by list (n)')
  await client.query('create table one partition of things for values in (1)')
  await client.query('create table two partition of things for values in (2)')
  await client.query(
    `create function stray() returns trigger language plpgsql as 'begin new.k := ${strange}; return new; end'`,
  )
  await client.query('create trigger stray before insert on one for each row execute function stray()')
  await client.query('insert into things values ($1, 2)', [own])
  await expect(client.query('insert into things values ($1, 1)', [own])).rejects.toThrow(
    /changed the shard key/,
  )
  await client.query('create trigger all_stray before insert on things for each row execute function stray()')
  await expect(client.query('insert into things values ($1, 2)', [own])).rejects.toThrow(
    /changed the shard key/,
  )
  await client.query('drop trigger all_stray on things')
  await client.query('insert into things values ($1, 2)', [own])
  await expect(client.query('insert into things values ($1, 1)', [own])).rejects.toThrow(
    /changed the shard key/,
  )
  await client.query('drop trigger stray on one')
  await client.query('insert into things values ($1, 1), ($1, 2)', [own])
})
