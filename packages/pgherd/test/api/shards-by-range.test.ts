import type { AddedShard, ShardsView, SqlAnswer } from '@pgherd/core/api'
import { beforeAll, expect, test } from 'vitest'
import { Described, type ScratchApi, scratchApi } from './scratch-api.js'

const COMPARE = '/v1/shards/compare'
const SPEC = `groups: [{ name: s, count: 2, nodes: 1 }]
sharding:
  strategy: range
  groups: [s1, s2]
  home: s1
  keyType: integer
  splits: [100000]
  tables: { readings: { key: at }, sites: { key: id } }
`
let scratch: ScratchApi
let api: Described

beforeAll(async () => {
  scratch = await scratchApi(SPEC)
  api = await Described.at(scratch.url)
})

async function sql(text: string): Promise<SqlAnswer> {
  return (await api.ask<SqlAnswer>('/v1/sql', '/v1/sql', { body: { text } })).body
}

/** No sooner than its limit allows. */
async function compare(query = ''): Promise<AddedShard> {
  await new Promise((resolve) => setTimeout(resolve, 550))
  return (await api.ask<AddedShard>(COMPARE, COMPARE + query)).body
}

async function refused(query = ''): Promise<unknown> {
  await new Promise((resolve) => setTimeout(resolve, 550))
  return api.refused(COMPARE, COMPARE + query)
}

test('by ranges nothing can be said before there are rows', async () => {
  expect(await refused()).toMatchObject({ status: 409, code: 'OPERATION_FAILED' })
  await sql('create table readings (at int primary key, value int)')
  await sql('create table sites (id int primary key)')
  await sql('insert into sites values (1), (100001)')
  expect(await refused()).toMatchObject({
    code: 'OPERATION_FAILED',
    detail: expect.stringContaining('too few'),
  })
})

test('what one more shard would get is told by the rows of the largest table, however many each shard has', async () => {
  await sql('insert into readings select g, 0 from generate_series(1, 120000) g')
  const { movedShare, ideal, perShard, shards } = await compare()
  expect([shards, ideal]).toEqual([3, 1 / 3])
  expect(perShard.map(({ name }) => name)).toEqual(['s1', 's2', 's3'])
  const [s1, s2, s3] = perShard as [
    AddedShard['perShard'][0],
    AddedShard['perShard'][0],
    AddedShard['perShard'][0],
  ]
  expect(s1.before).toBeCloseTo(5 / 6, 1)
  expect(s2.before).toBeCloseTo(1 / 6, 1)
  expect(s3.before).toBe(0)
  // Neither gives more than it has too much, and together they fill the new one.
  for (const { after } of perShard) expect(after).toBeCloseTo(1 / 3, 1)
  expect(s1.gives).toBeCloseTo(1 / 2, 1)
  expect(s2.gives).toBe(0)
  expect(movedShare).toBeCloseTo(s1.gives + s2.gives)
})

test('where a range begins and ends is part of the map', async () => {
  const { body } = await api.ask<ShardsView>('/v1/shards', '/v1/shards')
  expect(body).toMatchObject({ strategy: 'range', stretchCount: 2, home: 's1' })
  expect(body.stretches).toEqual([
    { from: expect.any(String), start: null, shard: 's1' },
    { from: '100000', start: null, shard: 's2' },
  ])
  expect(body.shards.map(({ share }) => share)).toEqual([null, null])
})

test.each(['?table=readings', '?shards=3', '?shards=3&shards=4', '?%27%3B--'])(
  'I9: %s, which it knows nothing of, is refused',
  async (query) => {
    expect(await refused(query)).toMatchObject({ status: 400, code: 'USAGE' })
  },
)
