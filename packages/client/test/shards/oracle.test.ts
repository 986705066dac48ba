import type { Herd } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RandomQueries, type RandomQuery, REFERENCE, SPREAD } from '../../../../test/random-query.js'
import { connect, scratchHerd } from '../../../../test/scratch-herd.js'
import { createPool, type Pool } from '../../src/index.js'

/*
 * The same statements on a sharded herd and on one database: the same rows, or a refusal (I5). With
 * PGHERD_QUERIES as many as wanted, with PGHERD_SEED others.
 */

const SEED = Number(process.env.PGHERD_SEED ?? 20_261_121)
const QUERIES = Number(process.env.PGHERD_QUERIES ?? 1500)
/** For each change of the rows so many queries. */
const QUERIES_A_CHANGE = 4

/** postgres_fdw has queries that it fails to say to a shard, or to sort: an error, and no wrong answer. */
const MOST_FAILED = 0.005
const TYPES: Record<string, string> = { orders: 'int4', items: 'int8' }

let herd: Herd
let pool: Pool
let oracle: pg.Client

beforeAll(async () => {
  herd = await scratchHerd(`
groups:
  - { name: home, nodes: 1 }
  - { name: s, count: 3, nodes: 1 }
sharding:
  groups: [s1, s2, s3]
  tables:
    ${SPREAD.map((name) => `${name}: { key: k }`).join('\n    ')}
    ${REFERENCE}: { kind: reference }
`)
  const home = herd.primaryOf('home')?.name as string
  const admin = await connect(herd.dsn(home, 'superuser'))
  await admin.query('create database oracle owner app template template0')
  const there = new URL(herd.dsn(home, 'application'))
  there.pathname = '/oracle'
  oracle = new pg.Client(there.href)
  await oracle.connect()
  pool = createPool({ nodes: [herd.dsn(home, 'application')] })
  const chance = new RandomQueries(SEED)
  for (const table of [...SPREAD, REFERENCE]) {
    const rows = Array.from({ length: 24 }, () => {
      const n = chance.chance(0.1) ? 'null' : chance.between(1, 5)
      return `(${chance.between(1, 9)}, ${n}, ${chance.pick([`'x'`, `'y'`, 'null'])})`
    })
    const create = `create table ${table} (k ${TYPES[table] ?? 'int4'}, n int, t text, unique (k, n))`
    const insert = `insert into ${table} values ${rows.join(', ')} on conflict do nothing`
    for (const text of [create, insert]) {
      await pool.query(text)
      await oracle.query(text)
    }
  }
}, 180_000)

afterAll(async () => {
  await Promise.all([pool.end(), oracle.end()])
})

type Outcome =
  | { rows: string[]; rowCount: number | null }
  | { code: string; message: string }
  | { refused: string }

async function outcomeOf(
  where: Pick<pg.Client, 'query'>,
  { text, parameters }: RandomQuery,
): Promise<Outcome> {
  try {
    const { rows, rowCount } = await where.query({ text, values: [...parameters], rowMode: 'array' })
    return { rows: rows.map((row) => JSON.stringify(row)).sort(), rowCount }
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return error instanceof HerdError ? { refused: code } : { code, message }
  }
}

test('I5: a sharded herd answers what one database answers, or refuses', { timeout: 600_000 }, async () => {
  const chance = new RandomQueries(SEED)
  const seen: Record<string, number> = { rows: 0, error: 0, change: 0 }
  const failures: string[] = []
  for (let round = 0; round < QUERIES; round++) {
    const isChange = round % (QUERIES_A_CHANGE + 1) === QUERIES_A_CHANGE
    const query = isChange ? chance.change() : chance.select()
    const found = await outcomeOf(pool as unknown as pg.Client, query)
    const what = `query ${round} of seed ${SEED}: ${JSON.stringify(query)}`
    if ('refused' in found) {
      seen[found.refused] = (seen[found.refused] ?? 0) + 1
      continue
    }
    const wanted = await outcomeOf(oracle, query)
    if ('code' in found && !('code' in wanted)) {
      failures.push(`${what} ${JSON.stringify(found)}`)
      continue
    }
    // Which of several errors comes first depends on the order in which rows are read.
    if ('code' in wanted) expect(Object.keys(found), what).toEqual(Object.keys(wanted))
    else expect(found, what).toEqual(wanted)
    if ('code' in found) seen.error = (seen.error ?? 0) + 1
    else seen[isChange ? 'change' : 'rows'] = (seen[isChange ? 'change' : 'rows'] ?? 0) + 1
  }
  console.log(`${QUERIES} statements: ${JSON.stringify(seen)}; failed:`, failures)
  expect(failures.length).toBeLessThanOrEqual(MOST_FAILED * QUERIES)
  expect(seen.rows).toBeGreaterThan(0.5 * QUERIES)
  expect(seen.change).toBeGreaterThan(0.05 * QUERIES)
  for (const table of [...SPREAD, REFERENCE]) {
    const all: RandomQuery = { text: `select * from ${table}`, parameters: [] }
    expect(await outcomeOf(pool as unknown as pg.Client, all)).toEqual(await outcomeOf(oracle, all))
  }
})
