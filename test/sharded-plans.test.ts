import {
  type KeyReading,
  type KeyValues,
  LiteralValues,
  planShards,
  prepareShards,
  readKeyText,
  ShardedTables,
  type ShardPlan,
} from '@pgherd/core/routing'
import { type KeyReader, type KeyType, locateKey, moduloMap } from '@pgherd/core/sharding'
import { loadParser, readFacts, StatementReader, splitInsert, type ValueRef } from '@pgherd/core/sql'
import type pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { RandomQueries, type RandomQuery, REFERENCE, SPREAD } from './random-query.js'
import { connect, nodesOfHerd, scratchHerd } from './scratch-herd.js'

/*
 * Plans against PostgreSQL: the schema `whole` has all rows, and for every set of shards there is a schema
 * with the rows that those have. What a plan says suffices must give what all rows give (I5).
 */

const SEED = Number(process.env.PGHERD_SEED ?? 20_261_121)
const READS = 2000
const CHANGES = 700
const MAP = moduloMap(['a', 'b', 'c'])
const SHARDS = [0, 1, 2]
const EVERY_SET = [1, 2, 3, 4, 5, 6, 7]
const TYPES: Record<string, KeyType> = { orders: 'int4', items: 'int8' }
const READER = new StatementReader()

const TABLES = new ShardedTables([
  ...SPREAD.map((name) => ({
    ...{ schema: 'public', name, kind: 'sharded' as const, columns: ['k', 'n', 't'], varying: [] },
    key: [{ column: 'k', type: TYPES[name] as KeyType }],
  })),
  { schema: 'public', name: REFERENCE, kind: 'reference', key: [], columns: ['k', 'n', 't'], varying: [] },
])

let dsn = ''

beforeAll(async () => {
  await loadParser()
  const herd = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
  dsn = (await nodesOfHerd(herd))[0] as string
  await fill(await connect(dsn))
})

async function fill(client: pg.Client): Promise<void> {
  const chance = new RandomQueries(SEED)
  const schemas = ['whole', ...EVERY_SET.map((set) => schemaOf(set))]
  for (const schema of schemas) {
    await client.query(`create schema ${schema}`)
    for (const table of [...SPREAD, REFERENCE])
      await client.query(
        `create table ${schema}.${table} (k ${TYPES[table] ?? 'int4'}, n int, t text, unique (k, n))`,
      )
  }
  for (const table of [...SPREAD, REFERENCE])
    for (let row = 0; row < 24; row++) {
      const key = chance.between(1, 9)
      const values = [key, chance.chance(0.1) ? null : chance.between(1, 5), chance.pick(['x', 'y', null])]
      const shard = locateKey(MAP, 'int4', key)
      for (const schema of schemas)
        if (table === REFERENCE || schema === 'whole' || (Number(schema.slice(1)) & (1 << shard)) !== 0)
          await client.query(
            `insert into ${schema}.${table} values ($1, $2, $3) on conflict do nothing`,
            values,
          )
    }
}

function schemaOf(set: number): string {
  return `p${set}`
}

function setOf(shards: readonly number[]): number {
  return shards.reduce((set, shard) => set | (1 << shard), 0)
}

test('what a plan reads gives the rows that one database gives', async () => {
  const client = await connect(dsn)
  const chance = new RandomQueries(SEED)
  const seen = new Map<string, number>()
  for (let round = 0; round < READS; round++) {
    const query = chance.select()
    const plan = planOf(query)
    const whole = await run(client, 'whole', query)
    if (whole === null) {
      count(seen, 'error')
      continue
    }
    count(seen, plan.kind)
    if (plan.kind === 'one' && whole.length > 0) count(seen, 'one with rows')
    const what = `${JSON.stringify(query)} ${JSON.stringify(plan)}`
    if (plan.kind === 'one') expect(await run(client, schemaOf(1 << plan.shard), query), what).toEqual(whole)
    else if (plan.kind === 'any') expect(await run(client, schemaOf(2), query), what).toEqual(whole)
    else if (plan.kind === 'read all') {
      count(seen, plan.shards.length < 3 ? 'narrowed' : 'all')
      expect(await run(client, schemaOf(setOf(plan.shards)), query), what).toEqual(whole)
      if (!plan.colocated || /count|limit|distinct/.test(query.text)) continue
      count(seen, 'colocated')
      const parts: string[] = []
      for (const shard of plan.shards)
        parts.push(...((await run(client, schemaOf(1 << shard), query)) ?? ['error']))
      expect(parts.sort(), what).toEqual(whole)
    } else expect.fail(`a read is ${plan.kind}: ${what}`)
  }
  const plain = READS - (seen.get('error') ?? 0)
  expect(plain).toBeGreaterThan(0.7 * READS)
  expect(seen.get('one')).toBeGreaterThan(0.3 * plain)
  expect(seen.get('one with rows')).toBeGreaterThan(100)
  expect(seen.get('narrowed')).toBeGreaterThan(10)
  expect(seen.get('colocated')).toBeGreaterThan(30)
})

test('what a plan writes leaves the rows that one database has', async () => {
  const client = await connect(dsn)
  const chance = new RandomQueries(SEED)
  const seen = new Map<string, number>()
  for (let round = 0; round < CHANGES; round++) {
    const query = chance.change()
    const plan = planOf(query)
    const whole = await change(client, ['whole'], new Map([['whole', query]]))
    if (whole === null) {
      count(seen, 'error')
      continue
    }
    count(seen, plan.kind)
    const parts = partsOf(plan, query)
    if (parts === null) continue
    const what = `${JSON.stringify(query)} ${JSON.stringify(plan)}`
    expect(
      await change(
        client,
        SHARDS.map((shard) => schemaOf(1 << shard)),
        parts,
      ),
      what,
    ).toEqual(whole)
  }
  expect(seen.get('one')).toBeGreaterThan(0.3 * CHANGES)
  expect(seen.get('split')).toBeGreaterThan(20)
  expect(seen.get('write all')).toBeGreaterThan(50)
})

function planOf({ text, parameters }: RandomQuery): ShardPlan {
  const { literals } = READER.factsOf(text)
  const values = new LiteralValues(text, literals, new Parameters(parameters))
  return planShards(prepareShards(readFacts(text), TABLES, 'immutable'), values, MAP)
}

/** What a plan runs where, by schema; null for nothing. */
function partsOf(plan: ShardPlan, query: RandomQuery): Map<string, RandomQuery> | null {
  const on = (shards: readonly number[]) => new Map(shards.map((shard) => [schemaOf(1 << shard), query]))
  if (plan.kind === 'one') return on([plan.shard])
  if (plan.kind === 'write all') return on(plan.shards)
  if (plan.kind !== 'split') return null
  const whole = splitInsert(query.text)
  return new Map(
    plan.parts.map(({ shard, rows }) => {
      const { text, parameters } = whole?.with(rows) ?? { text: '', parameters: [] }
      return [
        schemaOf(1 << shard),
        { ...query, text, parameters: parameters.map((index) => query.parameters[index - 1]) },
      ]
    }),
  )
}

/** The rows in an order that says nothing; null when it is refused. */
async function run(
  client: pg.Client,
  schema: string,
  { text, parameters }: RandomQuery,
): Promise<string[] | null> {
  try {
    await client.query(`set search_path to ${schema}`)
    const { rows } = await client.query({ text, values: [...parameters], rowMode: 'array' })
    return rows.map((row) => JSON.stringify(row)).sort()
  } catch {
    return null
  }
}

/** The rows of all sharded tables after a change, and how many it says it made; null when it is refused. */
async function change(
  client: pg.Client,
  schemas: readonly string[],
  parts: ReadonlyMap<string, RandomQuery>,
): Promise<{ changed: number; rows: string[] } | null> {
  await client.query('begin')
  try {
    let changed = 0
    for (const [schema, { text, parameters }] of parts) {
      await client.query(`set local search_path to ${schema}`)
      changed += (await client.query(text, [...parameters])).rowCount ?? 0
    }
    const rows: string[] = []
    for (const schema of schemas)
      for (const table of SPREAD) {
        const found = await client.query({ text: `select * from ${schema}.${table}`, rowMode: 'array' })
        rows.push(...found.rows.map(([key, ...row]) => JSON.stringify([table, Number(key), ...row])))
      }
    return { changed, rows: rows.sort() }
  } catch {
    return null
  } finally {
    await client.query('rollback')
  }
}

function count(seen: Map<string, number>, what: string): void {
  seen.set(what, (seen.get(what) ?? 0) + 1)
}

class Parameters implements KeyValues {
  readonly #values: readonly unknown[]

  constructor(values: readonly unknown[]) {
    this.#values = values
  }

  read({ index }: ValueRef, type: KeyType, into: KeyReader): KeyReading {
    const value = this.#values[index - 1]
    return value === null ? 'null' : readKeyText(String(value), type, into)
  }

  countElements({ index }: ValueRef): number {
    return (this.#values[index - 1] as unknown[]).length
  }

  readElement({ index }: ValueRef, element: number, type: KeyType, into: KeyReader): KeyReading {
    return readKeyText(String((this.#values[index - 1] as unknown[])[element]), type, into)
  }
}
