import type { Pool } from '@pgherd/client'
import pg from 'pg'
import { fetchPlacement } from '../herd/fetch-placement.js'

/** One shard and where its nodes are. */
export interface Shard {
  name: string
  /** Of the shard map under which this was read. */
  epoch: number
  /** `host:port`. */
  nodes: readonly string[]
}

/** Who comes to the nodes, and to which database. */
export type Login = Pick<pg.ClientConfig, 'user' | 'password' | 'database'>

const CONNECT_TIMEOUT_MS = 2000
const STATEMENT_TIMEOUT_MS = 10_000

/** The shards, from the map that every group has. */
export async function readShards(pool: Pool): Promise<Shard[]> {
  const { map, groups } = await fetchPlacement(pool)
  return groups
    .filter(({ name }) => map.shards.includes(name))
    .map((group) => ({ ...group, epoch: map.epoch }))
}

/** Reads a connection string, which may name several hosts; pg understands one only. */
export function readLogin(dsn: string): Login {
  const [, user = '', password = '', database = ''] =
    /^postgres(?:ql)?:\/\/([^:@/]*):([^@/]*)@[^/]*\/([^?]*)/.exec(dsn) ?? []
  return {
    user: decodeURIComponent(user),
    password: decodeURIComponent(password),
    database: decodeURIComponent(database),
  }
}

/**
 * A connection to the primary of one shard, past the pool: a statement of the pool without a key goes to
 * every shard, and would wait for one that is down. `pgherd.enter` refuses it where the map has changed.
 * Throws when none of the nodes is a primary that answers.
 */
export async function connectPrimary(shard: Shard, login: Login): Promise<pg.Client> {
  const failures: unknown[] = []
  for (const node of shard.nodes) {
    const client = await connectNode(node, login).catch((error: unknown) => {
      failures.push(error)
      return null
    })
    if (client === null) continue
    if (await isPrimary(client, shard, failures)) return client
    await client.end().catch(() => {})
  }
  throw new Error(`${shard.name} has no primary just now`, { cause: new AggregateError(failures) })
}

/** Any node. The caller ends it. */
export async function connectNode(node: string, login: Login): Promise<pg.Client> {
  const { hostname, port } = new URL(`tcp://${node}`)
  const client = new pg.Client({
    ...login,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port),
    application_name: 'ecomarket-outbox',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
  })
  // What is under way fails with the same; an idle connection that ends must not end the process.
  client.on('error', () => {})
  await client.connect()
  return client
}

async function isPrimary(client: pg.Client, { epoch, name }: Shard, failures: unknown[]): Promise<boolean> {
  try {
    await client.query('select pgherd.enter($1, $2)', [epoch, name])
    const { rows } = await client.query<{ standby: boolean }>('select pg_is_in_recovery() as standby')
    return rows[0]?.standby === false
  } catch (error) {
    failures.push(error)
    return false
  }
}
