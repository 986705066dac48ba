import { setTimeout as sleep } from 'node:timers/promises'
import { HerdError } from '@pgherd/core'
import type { ShardMap } from '@pgherd/core/sharding'
import type { TableSpec } from '@pgherd/core/spec'
import pg from 'pg'
import { describeTables, type PlacedTable, placeTables } from './describe-tables.js'
import { nameOf, type SkippedTable } from './description.js'
import { designFederation, type FederatedGroup, type Reader } from './federation.js'
import { planChanges } from './plan-changes.js'
import { readFederation } from './read-federation.js'
import { readSorting, requireSameSorting, sortingOptions } from './sorting.js'

const { escapeIdentifier: quote, escapeLiteral: literal } = pg

export interface SyncOptions {
  /** The database of the herd, called the same on each group. */
  readonly database: string
  readonly home: FederatedGroup
  /** All shards of the map. */
  readonly shards: readonly FederatedGroup[]
  readonly map: ShardMap
  /** Groups let in only who comes under the epoch of the map, as those do that have the herd's placement. */
  readonly fenced: boolean
  /** Which tables are spread, by name with the schema in front. */
  readonly tables: Readonly<Record<string, TableSpec>>
  readonly readers: readonly Reader[]
  /** A superuser's connection to a database on the primary of a group. It is ended here. */
  readonly connect: (group: FederatedGroup, database: string) => Promise<pg.Client>
  /** How long to try while statements read a table that is to be changed. */
  readonly patienceMs?: number
}

export interface SyncReport {
  /** The database that queries over shards go to. */
  readonly database: string
  /** How many statements it took to bring it into step; 0: it was already. */
  readonly changes: number
  /** The tables it has, by name with the schema in front. */
  readonly tables: readonly string[]
  readonly skipped: readonly SkippedTable[]
}

/** The database in which queries over the shards of this one are answered. */
export function federationDatabase(database: string): string {
  return `${database}_herd`
}

const PATIENCE_MS = 30_000
/**
 * Shorter than PostgreSQL's `deadlock_timeout`, after which a statement that waits for the sync while
 * the sync waits for it would be the one to fail; and no statement waits longer for a sync that waits.
 */
const LOCK_TIMEOUT_MS = 500
const PAUSE_MS = 250
/** `lock_not_available` and `deadlock_detected`. */
const LOCKED = new Set<unknown>(['55P03', '40P01'])

/**
 * Brings the federation database into step with the tables on the shards and on home, making it if there
 * is none. It changes in one transaction: an interrupted sync leaves what was there, and is run again.
 *
 * Throws NOT_SUPPORTED where shards sort text in different ways or passing logins on needs a newer
 * PostgreSQL, OPTIONS_INVALID where `shards` are not those of the map, OPERATION_FAILED with what
 * PostgreSQL said otherwise.
 */
export async function syncFederation(options: SyncOptions): Promise<SyncReport> {
  const { shards, map } = options
  const missing = map.shards.find((name) => !shards.some((shard) => shard.name === name))
  if (missing !== undefined || shards.length !== map.shards.length)
    throw new HerdError(
      'OPTIONS_INVALID',
      `The shards are ${shards.map(({ name }) => name).join(', ')}, those of the map ${map.shards.join(', ')}.`,
    )
  const clients: pg.Client[] = []
  try {
    return await sync(options, async (group, database) => {
      const client = await options.connect(group, database)
      clients.push(client)
      return client
    })
  } catch (error) {
    if (error instanceof HerdError) throw error
    const said = error instanceof Error ? error.message : String(error)
    throw new HerdError('OPERATION_FAILED', `The federation could not be brought into step: ${said}.`, {
      cause: error,
    })
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => {})))
  }
}

async function sync(options: SyncOptions, connect: SyncOptions['connect']): Promise<SyncReport> {
  const { database, home, patienceMs = PATIENCE_MS } = options
  const name = federationDatabase(database)
  const [homeClient, ...shardClients] = await Promise.all(
    [home, ...options.shards].map((group) => connect(group, database)),
  )
  const sources = { home: homeClient as pg.Client, shards: shardClients }
  const sorting = await readSorting(sources.home)
  requireSameSorting(sorting, await ofShards(options, shardClients, readSorting))
  await requirePassthrough(options, sources.home)
  await createDatabase(sources.home, name, sortingOptions(sorting, literal))
  const federation = await connect(home, name)
  const deadline = performance.now() + patienceMs
  for (;;) {
    try {
      return await change(federation, options, sources)
    } catch (error) {
      if (!LOCKED.has((error as { code?: unknown }).code) || performance.now() > deadline) throw error
      await federation.query('rollback')
      await sleep(PAUSE_MS)
    }
  }
}

async function change(federation: pg.Client, options: SyncOptions, sources: Sources): Promise<SyncReport> {
  const database = federationDatabase(options.database)
  await federation.query('begin')
  await federation.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}; set local search_path to ''`)
  // Whoever comes second reads the tables afterwards too, so that no older state replaces a newer one.
  await federation.query(`select pg_advisory_xact_lock(hashtextextended('pgherd federation', 0))`)
  const { tables, skipped, settings } = await describeHerd(options, sources)
  const available = await splitByExtensions(federation, tables)
  const wanted = designFederation({ ...options, tables: available.tables, settings })
  const statements = planChanges(await readFederation(federation), wanted, database)
  for (const statement of statements) await federation.query(statement)
  await federation.query('commit')
  return {
    database,
    changes: statements.length,
    tables: wanted.tables.map(nameOf),
    skipped: [...skipped, ...available.skipped],
  }
}

interface Sources {
  readonly home: pg.Client
  readonly shards: readonly pg.Client[]
}

async function describeHerd(options: SyncOptions, sources: Sources) {
  const settings = await readSettings(sources.home)
  const [atHome, onShards] = await Promise.all([
    describeTables(sources.home),
    ofShards(options, sources.shards, describeTables),
  ])
  return { ...placeTables({ spread: options.tables, shards: onShards, home: atHome }), settings }
}

async function ofShards<T>(
  { shards }: SyncOptions,
  clients: readonly pg.Client[],
  read: (client: pg.Client) => Promise<T>,
): Promise<Map<string, T>> {
  const found = await Promise.all(clients.map(read))
  return new Map(shards.map(({ name }, index) => [name, found[index] as T]))
}

/** What ALTER DATABASE has set for everyone, such as a search path. */
async function readSettings(home: pg.Client): Promise<Record<string, string>> {
  const { rows } = await home.query<{ name: string; value: string }>(
    `select split_part(s, '=', 1) as name, substr(s, strpos(s, '=') + 1) as value
     from pg_db_role_setting r join pg_database d on d.oid = r.setdatabase, unnest(r.setconfig) s
     where d.datname = current_database() and r.setrole = 0`,
  )
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]))
}

async function requirePassthrough({ readers }: SyncOptions, client: pg.Client): Promise<void> {
  if (readers.every(({ login }) => login !== 'passthrough')) return
  const { rows } = await client.query(`select current_setting('server_version_num')::int as version`)
  if (rows[0].version >= 180000) return
  throw new HerdError('NOT_SUPPORTED', 'Passing logins on to the shards needs PostgreSQL 18 or newer.', {
    hint: 'Give the readers of the federation a password.',
  })
}

const DUPLICATE_DATABASE = '42P04'

async function createDatabase(client: pg.Client, name: string, options: string): Promise<void> {
  const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
  if (rowCount !== 0) return
  try {
    await client.query(`create database ${quote(name)} ${options}`)
  } catch (error) {
    if ((error as { code?: unknown }).code !== DUPLICATE_DATABASE) throw error
  }
}

/** An extension that a shard has and home could not install keeps its tables out. */
async function splitByExtensions(
  client: pg.Client,
  tables: readonly PlacedTable[],
): Promise<{ tables: PlacedTable[]; skipped: SkippedTable[] }> {
  const { rows } = await client.query<{ name: string }>('select name from pg_available_extensions')
  const available = new Set(rows.map(({ name }) => name))
  const lacking = (table: PlacedTable) => table.extensions.find(({ name }) => !available.has(name))
  return {
    tables: tables.filter((table) => lacking(table) === undefined),
    skipped: tables.flatMap((table) => {
      const extension = lacking(table)
      if (extension === undefined) return []
      return [
        { table: nameOf(table), reason: `home has no extension "${extension.name}", whose types it uses` },
      ]
    }),
  }
}
