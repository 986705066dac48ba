import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import { expect } from 'vitest'
import { RandomQueries, type RandomQuery, REFERENCE, SPREAD } from './random-query.js'
import { connect, scratchHerd } from './scratch-herd.js'

/*
 * The same statements on a sharded herd and on one database: the same rows, or a refusal (I5). With
 * PGHERD_QUERIES as many as wanted, with PGHERD_SEED others.
 */

const SEED = Number(process.env.PGHERD_SEED ?? 20_261_121)
/** For each change of the rows so many queries. */
const QUERIES_A_CHANGE = 4
/** Of the queries, those of all shards at once. */
const GATHERED = 0.4
/** postgres_fdw has queries that it fails to say to a shard, or to sort: an error, and no wrong answer. */
const MOST_FAILED = 0.005
const TYPES: Record<string, string> = { orders: 'int4', items: 'int8' }

/** A herd with three shards, without any table yet. */
export function oracleHerd(): Promise<Herd> {
  return scratchHerd(`
groups:
  - { name: home, nodes: 1 }
  - { name: s, count: 3, nodes: 1 }
sharding:
  groups: [s1, s2, s3]
  tables:
    ${SPREAD.map((name) => `${name}: { key: k }`).join('\n    ')}
    ${REFERENCE}: { kind: reference }
`)
}

/** One database beside the herd's. */
export async function openOracle(herd: Herd): Promise<pg.Client> {
  const home = herd.primaryOf('home')?.name as string
  const admin = await connect(herd.dsn(home, 'superuser'))
  await admin.query('create database oracle owner app template template0')
  const there = new URL(herd.dsn(home, 'application'))
  there.pathname = '/oracle'
  const oracle = new pg.Client(there.href)
  await oracle.connect()
  return oracle
}

/** Whatever runs statements on the herd: a pool, or a client of the proxy. */
type Runner = Pick<pg.Client, 'query'>

/** The same tables with the same rows on both. */
export async function fillAlike(herd: Runner, oracle: Runner): Promise<void> {
  const chance = new RandomQueries(SEED)
  for (const table of [...SPREAD, REFERENCE]) {
    const rows = Array.from({ length: 24 }, () => {
      const n = chance.chance(0.1) ? 'null' : chance.between(1, 5)
      return `(${chance.between(1, 9)}, ${n}, ${chance.pick([`'x'`, `'y'`, 'null'])})`
    })
    const create = `create table ${table} (k ${TYPES[table] ?? 'int4'}, n int, t text, unique (k, n))`
    const insert = `insert into ${table} values ${rows.join(', ')} on conflict do nothing`
    for (const text of [create, insert]) {
      await herd.query(text)
      await oracle.query(text)
    }
  }
}

type Outcome =
  | { rows: string[]; rowCount: number | null }
  | { code: string; message: string }
  | { refused: string }

/** `refusalOf`: the code of an error that says it will not be answered; null: it is no such. */
export type RefusalOf = (error: Error) => string | null

async function outcomeOf(
  where: Runner,
  { text, parameters, ordered }: RandomQuery,
  refusalOf: RefusalOf,
): Promise<Outcome> {
  try {
    const { rows, rowCount } = await where.query({ text, values: [...parameters], rowMode: 'array' })
    const lines = rows.map((row) => JSON.stringify(row))
    return { rows: ordered ? lines : lines.sort(), rowCount }
  } catch (error) {
    const refused = refusalOf(error as Error)
    if (refused !== null) return { refused }
    const { code, message } = error as { code: string; message: string }
    return { code, message }
  }
}

/** Asks both the same at random, and compares what they answer. */
export async function compareWithOracle(
  herd: Runner,
  oracle: Runner,
  usual: number,
  refusalOf: RefusalOf,
): Promise<void> {
  const queries = Number(process.env.PGHERD_QUERIES ?? usual)
  const chance = new RandomQueries(SEED)
  const seen: Record<string, number> = { rows: 0, error: 0, change: 0 }
  const failures: string[] = []
  for (let round = 0; round < queries; round++) {
    const isChange = round % (QUERIES_A_CHANGE + 1) === QUERIES_A_CHANGE
    const query = isChange ? chance.change() : chance.chance(GATHERED) ? chance.gathering() : chance.select()
    const found = await outcomeOf(herd, query, refusalOf)
    const what = `query ${round} of seed ${SEED}: ${JSON.stringify(query)}`
    if ('refused' in found) {
      seen[found.refused] = (seen[found.refused] ?? 0) + 1
      continue
    }
    if (isChange) await oracle.query('begin')
    const wanted = await outcomeOf(oracle, query, () => null)
    // What failed in the herd must have changed nothing there.
    if (isChange) await oracle.query('code' in found ? 'rollback' : 'commit')
    if ('code' in found && !('code' in wanted)) {
      failures.push(`${what} ${JSON.stringify(found)}`)
      console.log('failed:', failures.at(-1))
      continue
    }
    // Which of several errors comes first depends on the order in which rows are read.
    if ('code' in wanted) expect(Object.keys(found), what).toEqual(Object.keys(wanted))
    else expect(found, what).toEqual(wanted)
    if ('code' in found) seen.error = (seen.error ?? 0) + 1
    else seen[isChange ? 'change' : 'rows'] = (seen[isChange ? 'change' : 'rows'] ?? 0) + 1
  }
  console.log(`${queries} statements: ${JSON.stringify(seen)}; failed: ${failures.length}`)
  expect(failures.length).toBeLessThanOrEqual(MOST_FAILED * queries)
  expect(seen.rows).toBeGreaterThan(0.5 * queries)
  expect(seen.change).toBeGreaterThan(0.05 * queries)
  for (const table of [...SPREAD, REFERENCE]) {
    const all: RandomQuery = { text: `select * from ${table}`, parameters: [], ordered: false }
    expect(await outcomeOf(herd, all, refusalOf)).toEqual(await outcomeOf(oracle, all, refusalOf))
  }
}
