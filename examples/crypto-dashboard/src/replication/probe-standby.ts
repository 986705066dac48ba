import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Pool } from '@pgherd/client'
import pg from 'pg'
import type { HerdView } from '../herd/herd-view.js'
import { Problem } from '../http/problem.js'

const CONNECT_MS = 2000
const PATIENCE_MS = 5000
const POLL_MS = 1

/** A test row's way from the primary to the standby. */
export interface Probe {
  id: string
  /** Where it was written. */
  writtenOn: string
  writtenAt: string
  /** How long the primary took to acknowledge it. */
  writeMs: number
  /** Where it was watched for. */
  standby: string
  appeared: boolean
  /** From the acknowledgement until the standby showed it, or until nobody looked any more. */
  visibleAfterMs: number
  /** How often the standby was asked. */
  polls: number
}

const WRITE = `
insert into probes (id) values ($1)
returning current_setting('cluster_name') as "writtenOn", to_json(written_at) #>> '{}' as "writtenAt"`

/**
 * Writes a row on the primary and asks the standby, over a connection of its own and past the pool, until it has it.
 * Throws Problem standby-missing.
 */
export async function probeStandby(pool: Pool, herd: HerdView): Promise<Probe> {
  const standby = await findStandby(herd)
  const client = new pg.Client({
    connectionString: await herd.dsnOf(standby),
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: PATIENCE_MS,
  })
  // Told by whichever query is under way.
  client.on('error', () => {})
  await client.connect()
  try {
    const id = randomUUID()
    const begun = performance.now()
    const { rows } = await pool.query<Pick<Probe, 'writtenOn' | 'writtenAt'>>(WRITE, [id])
    const acknowledged = performance.now()
    const { appeared, polls } = await pollFor(client, id)
    return {
      id,
      ...(rows[0] as Pick<Probe, 'writtenOn' | 'writtenAt'>),
      writeMs: inHundredths(acknowledged - begun),
      standby,
      appeared,
      visibleAfterMs: inHundredths(performance.now() - acknowledged),
      polls,
    }
  } finally {
    await client.end().catch(() => {})
  }
}

async function findStandby(herd: HerdView): Promise<string> {
  const { groups } = await herd.topology()
  const nodes = groups.flatMap((group) => group.nodes)
  const standby = nodes.find(({ role, state }) => role === 'standby' && state === 'running')
  if (standby !== undefined) return standby.name
  const states = nodes
    .map(({ name, role, state }) => `${name} is ${role === 'none' ? state : role}`)
    .join(', ')
  throw new Problem('standby-missing', `No row can be watched for: ${states}.`)
}

async function pollFor(client: pg.Client, id: string): Promise<{ appeared: boolean; polls: number }> {
  const deadline = performance.now() + PATIENCE_MS
  for (let polls = 1; ; polls++) {
    const { rowCount } = await client.query('select from probes where id = $1', [id])
    if (rowCount === 1) return { appeared: true, polls }
    if (performance.now() > deadline) return { appeared: false, polls }
    await delay(POLL_MS)
  }
}

function inHundredths(ms: number): number {
  return Math.round(ms * 100) / 100
}
