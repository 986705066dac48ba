import type pg from 'pg'
import { expect, test } from 'vitest'
import type { Herd } from '../../src/index.js'
import { becomeWhole, connect, open, specOf, wholeHerd } from './scratch-herds.js'

const TIMEOUT = { timeout: 240_000 }
const STRIDED = `
groups: [{ name: home, nodes: 1 }, { name: s, count: 3, nodes: 1 }, { name: later, nodes: 1 }]
sharding: { groups: [s1, s2, s3], tables: { users: { key: id } }, sequences: strided }
`

async function connectAll(herd: Herd): Promise<pg.Client[]> {
  return Promise.all(['s1-1', 's2-1', 's3-1'].map((node) => connect(herd.dsn(node))))
}

async function everywhere(shards: readonly pg.Client[], text: string): Promise<number[][]> {
  const answers = await Promise.all(shards.map((shard) => shard.query({ text, rowMode: 'array' })))
  return answers.map(({ rows }) => (rows as unknown as [string][]).map(([value]) => Number(value)))
}

test('no two shards give the same number, whichever way a sequence is made', TIMEOUT, async () => {
  const { herd, stateDir } = await wholeHerd(STRIDED)
  const shards = await connectAll(herd)
  const expected = [
    [1, 65, 129],
    [2, 66, 130],
    [3, 67, 131],
  ]
  const three = (table: string, column: string) =>
    everywhere(shards, `insert into ${table} select from generate_series(1, 3) returning ${column}`)

  // Drawn in the transaction that makes it.
  await everywhere(shards, 'begin')
  await everywhere(shards, 'create table users (id bigserial primary key)')
  expect(await three('users', 'id')).toEqual(expected)
  await everywhere(shards, 'commit')

  await everywhere(shards, 'create table "No""tes" (id int generated always as identity)')
  expect(await three('"No""tes"', 'id')).toEqual(expected)
  await expect(shards[0]?.query('alter table users add place smallserial')).rejects.toThrow(
    'rows that are there cannot be numbered by the sequence public.users_place_seq: each shard would begin at the same number',
  )
  await everywhere(shards, 'create table empty ()')
  await everywhere(shards, 'alter table empty add place smallserial')
  expect(await three('empty', 'place')).toEqual(expected)
  await everywhere(shards, 'create table likewise (like "No""tes" including identity)')
  expect(await three('likewise', 'id')).toEqual(expected)

  const drawn = (sequence: string) =>
    everywhere(shards, `select nextval('${sequence}') from generate_series(1, 3)`)
  await everywhere(shards, 'create sequence down increment -10 start -5')
  expect(await drawn('down')).toEqual([
    [-625, -1265, -1905],
    [-615, -1255, -1895],
    [-605, -1245, -1885],
  ])
  await everywhere(shards, 'create schema other create sequence beside start 100')
  expect(await drawn('other.beside')).toEqual([
    [129, 193, 257],
    [130, 194, 258],
    [131, 195, 259],
  ])
  await everywhere(shards, 'create sequence round minvalue 1 maxvalue 100 cycle')
  expect(await drawn('round')).toEqual([
    [1, 65, 1],
    [2, 66, 2],
    [3, 67, 3],
  ])
  await everywhere(shards, 'create sequence back increment -1 minvalue -150 maxvalue -1 cycle')
  expect(new Set((await drawn('back')).flat()).size).toBe(6)

  const plain = [[1, 2, 3]]
  await everywhere(shards, 'create temp sequence mine')
  expect((await drawn('mine'))[1]).toEqual(plain[0])
  // What is no shard yet may be one some day: what it gives nobody has given.
  const late = await connect(herd.dsn('later-1'))
  await late.query('create table users (id bigserial primary key)')
  const numbers = await everywhere([late], 'insert into users select from generate_series(1, 3) returning id')
  expect(numbers).toEqual([[4, 68, 132]])
  const home = await connect(herd.dsn('home-1'))
  await home.query('create sequence alone')
  expect(await everywhere([home], `select nextval('alone') from generate_series(1, 3)`)).toEqual(plain)

  // The person may change his mind: what was made stays as it is.
  await herd.leave()
  const refusing = await open(specOf(STRIDED.replace('strided', 'refuse')), stateDir)
  await becomeWhole(refusing)
  expect(await three('users', 'id')).toEqual([
    [193, 257, 321],
    [194, 258, 322],
    [195, 259, 323],
  ])
  await everywhere(shards, 'create sequence later')
  expect((await drawn('later'))[1]).toEqual(plain[0])
})
