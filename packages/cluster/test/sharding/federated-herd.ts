import { consistentHashMap, type KeyType, locateKey, type ShardMap } from '@pgherd/core/sharding'
import pg from 'pg'
import { connect } from '../../../../test/scratch-herd.js'
import type { FederatedGroup, Herd, SyncOptions } from '../../src/index.js'

export const SHARDS = ['s1', 's2', 's3']
export const GROUPS = `groups: [{ name: home, nodes: 1 }, ${SHARDS.map((name) => `{ name: ${name}, nodes: 1 }`).join(', ')}]`

/** The groups of a running herd, as the federation is told of them. */
export async function groupsOf(herd: Herd): Promise<{ home: FederatedGroup; shards: FederatedGroup[] }> {
  const { groups } = await herd.status()
  const all = groups.map(({ name, nodes }) => ({
    name,
    nodes: nodes.map(({ host, port }) => ({ host, port })),
  }))
  const [home, ...shards] = all
  return { home: home as FederatedGroup, shards }
}

/** A superuser's connection to a database of a group's node. */
export async function connectTo(
  herd: Herd,
  group: FederatedGroup,
  database: string,
  user = 'postgres',
): Promise<pg.Client> {
  const status = await herd.status()
  const node = status.groups.find(({ name }) => name === group.name)?.nodes[0]
  const url = new URL(herd.dsn(node?.name ?? null, user === 'postgres' ? 'superuser' : 'application'))
  url.pathname = `/${database}`
  return connect(url.href)
}

export function passwordOf(herd: Herd, role: 'app' | 'postgres'): string {
  return new URL(herd.dsn(null, role === 'app' ? 'application' : 'superuser')).password
}

/** What a sync of this herd needs, with everything that can be known from the herd itself. */
export async function syncOptions(
  herd: Herd,
  tables: SyncOptions['tables'],
  map = mapOf(),
): Promise<SyncOptions> {
  const { home, shards } = await groupsOf(herd)
  return {
    database: herd.spec.database,
    home,
    shards,
    map,
    fenced: false,
    tables,
    readers: (['app', 'postgres'] as const).map((role) => ({
      role,
      login: { password: decodeURIComponent(passwordOf(herd, role)) },
    })),
    connect: async (group, database) => {
      const { groups } = await herd.status()
      const node = groups.find(({ name }) => name === group.name)?.nodes[0]
      const client = new pg.Client({
        host: node?.host,
        port: node?.port as number,
        user: 'postgres',
        password: decodeURIComponent(passwordOf(herd, 'postgres')),
        database,
      })
      client.on('error', () => {})
      await client.connect()
      return client
    },
  }
}

export function mapOf(): ShardMap {
  return consistentHashMap(SHARDS, { virtualNodes: 64 })
}

/** Puts rows where they belong: each on the shard of its key, or all on every shard. */
export async function insertRows(
  clients: ReadonlyMap<string, pg.Client>,
  table: string,
  rows: readonly (readonly unknown[])[],
  place: { map: ShardMap; type: KeyType; column: number } | 'everywhere',
): Promise<void> {
  for (const [name, client] of clients) {
    const own =
      place === 'everywhere'
        ? rows
        : rows.filter(
            (row) => place.map.shards[locateKey(place.map, place.type, row[place.column] as number)] === name,
          )
    await client.query(`insert into ${table} select * from jsonb_populate_recordset(null::${table}, $1)`, [
      JSON.stringify(await asRecords(client, table, own)),
    ])
  }
}

async function asRecords(client: pg.Client, table: string, rows: readonly (readonly unknown[])[]) {
  const { rows: columns } = await client.query(
    'select attname from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum',
    [table],
  )
  return rows.map((row) => Object.fromEntries(columns.map(({ attname }, index) => [attname, row[index]])))
}
