import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Drift,
  findDrift,
  type MisplacedRows,
  type ObservedGroup,
  type Placement,
  type PlacementRow,
  packShardMap,
  readPlacement,
  type SchemaPart,
  type TableContents,
} from '@pgherd/core/sharding'
import type { TableSpec } from '@pgherd/core/spec'
import type pg from 'pg'
import { type DescribedTable, nameOf } from '../federation/description.js'
import { describeTables, federationDatabase, placeTables } from '../federation/index.js'
import { findMisplaced } from './find-misplaced.js'
import { readContents, SAME_TEXT } from './read-contents.js'
import { readInvalidIndexes, readParts } from './read-parts.js'

export interface DriftCheck {
  /** The database of the herd, called the same on each group. */
  readonly database: string
  readonly placement: Placement
  /** Read tables, too: whether copies of reference tables are alike, and rows are where they belong. */
  readonly rows: boolean
  /** A superuser's connection to a database on the primary of a group. It is ended here. */
  readonly connect: (group: string, database: string) => Promise<pg.Client>
}

/** A write to all copies is seen on one shard before the next: what is not alike is looked at again. */
const LOOKS = 4
const BETWEEN_LOOKS_MS = 250

/**
 * Compares what the groups of a herd have, and says in what they are not alike that should be. Changes
 * nothing. Throws what connecting or a query throws.
 */
export async function checkDrift(check: DriftCheck): Promise<Drift[]> {
  const { placement, database } = check
  const { map, home } = placement
  const names = [...new Set([home, ...map.shards])]
  const clients = new Map<string, pg.Client>()
  try {
    await Promise.all(
      names.map(async (name) => clients.set(name, await prepared(check.connect(name, database)))),
    )
    const federation = await prepared(check.connect(home, federationDatabase(database)))
    clients.set(FEDERATION, federation)
    const contents = check.rows ? await compareCopies(check, clients) : new Map<string, TableContents[]>()
    const groups = await Promise.all(
      names.map((name) => observe(check, name, clients.get(name) as pg.Client, contents.get(name) ?? [])),
    )
    const columns = await describeFederation(check, clients)
    return findDrift({ home, shards: map.shards, tables: placement.tables, groups, federation: columns })
  } finally {
    await Promise.all([...clients.values()].map((client) => client.end().catch(() => {})))
  }
}

/** No group's name: those have no colon. */
const FEDERATION = ':federation'

async function prepared(connecting: Promise<pg.Client>): Promise<pg.Client> {
  const client = await connecting
  await client.query(`set search_path to ''; set default_transaction_read_only = on; ${SAME_TEXT}`)
  return client
}

async function observe(
  { placement, rows }: DriftCheck,
  name: string,
  client: pg.Client,
  contents: readonly TableContents[],
): Promise<ObservedGroup> {
  const { map, tables } = placement
  const misplaced: MisplacedRows[] = []
  if (rows && map.shards.includes(name))
    for (const [table, { kind, key }] of Object.entries(tables)) {
      const found = kind === 'sharded' ? await findMisplaced(client, map, name, table, key) : null
      if (found !== null) misplaced.push(found)
    }
  return {
    name,
    placement: await describePlacement(client),
    parts: await readParts(client),
    invalidIndexes: await readInvalidIndexes(client),
    contents,
    misplaced,
  }
}

async function describePlacement(client: pg.Client): Promise<string> {
  const { rows } = await client.query<PlacementRow>(
    'select map, stretches, tables, groups, home, this_group from pgherd.placement',
  )
  if (rows[0] === undefined) return 'none'
  const { thisGroup: _, ...placement } = readPlacement(rows[0])
  const { head, stretches } = packShardMap(placement.map)
  const digest = createHash('sha256').update(JSON.stringify([head, placement.tables, placement.groups]))
  return `epoch ${placement.map.epoch} (${digest.update(stretches).digest('hex').slice(0, 8)})`
}

async function compareCopies(
  { placement }: DriftCheck,
  clients: ReadonlyMap<string, pg.Client>,
): Promise<Map<string, TableContents[]>> {
  const found = new Map<string, TableContents[]>()
  const references = Object.entries(placement.tables).filter(([, { kind }]) => kind === 'reference')
  for (const [table] of references) {
    const copies = await readCopies(placement.map.shards, clients, table)
    for (const [shard, copy] of copies)
      if (copy !== null) found.set(shard, [...(found.get(shard) ?? []), copy])
  }
  return found
}

async function readCopies(
  shards: readonly string[],
  clients: ReadonlyMap<string, pg.Client>,
  table: string,
): Promise<(readonly [shard: string, copy: TableContents | null])[]> {
  for (let look = 1; ; look++) {
    const copies = await Promise.all(
      shards.map(
        async (shard) => [shard, await readContents(clients.get(shard) as pg.Client, table)] as const,
      ),
    )
    const digests = new Set(
      copies.flatMap(([, copy]) => (copy === null ? [] : [`${copy.rows} ${copy.digest}`])),
    )
    if (digests.size < 2 || look === LOOKS) return copies
    await sleep(BETWEEN_LOOKS_MS)
  }
}

/** What the federation has of columns and what a sync would give it. */
async function describeFederation(
  { placement }: DriftCheck,
  clients: ReadonlyMap<string, pg.Client>,
): Promise<{ there: SchemaPart[]; wanted: SchemaPart[] }> {
  const { map, tables, home } = placement
  const described = async (name: string): Promise<DescribedTable[]> =>
    describeTables(clients.get(name) as pg.Client)
  const shards = new Map(
    await Promise.all(map.shards.map(async (name) => [name, await described(name)] as const)),
  )
  const placed = placeTables({ spread: specsOf(tables), shards, home: await described(home) })
  const wanted = new Set(placed.tables.map(nameOf))
  const there = (await described(FEDERATION)).filter((table) => wanted.has(nameOf(table)))
  return { there: there.flatMap(columnParts), wanted: placed.tables.flatMap(columnParts) }
}

function specsOf(tables: Placement['tables']): Record<string, TableSpec> {
  return Object.fromEntries(
    Object.entries(tables).map(([name, { kind, key }]) => [
      name,
      kind === 'reference' ? { kind } : { kind, key: [...key] },
    ]),
  )
}

function columnParts(table: DescribedTable): SchemaPart[] {
  const name = nameOf(table)
  return [
    { kind: 'table', name, table: name, definition: 'table' },
    ...table.columns.map(
      ({ name: column, type, collation }, index): SchemaPart => ({
        kind: 'column',
        name: column,
        table: name,
        definition: `${type}${collation === null ? '' : ` collate ${collation}`} at place ${index + 1}`,
      }),
    ),
  ]
}
