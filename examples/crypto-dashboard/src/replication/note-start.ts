import type { Pool } from '@pgherd/client'
import pg from 'pg'
import type { HerdView } from '../herd/herd-view.js'
import type { SourceKind } from '../source/refuse-mixed-prices.js'

/** What a start of the dashboard found. */
export interface Start {
  at: string
  /** How many prices there were already; 0: it is the first start. */
  prices: number
  /** The moment of the oldest of them. */
  since: string | null
  standby: string | null
  /** How far the standby had replayed; null when none answered. */
  standbyLsn: string | null
}

const NOTE = `
insert into starts (source, prices, since, standby, standby_lsn)
select $1, count(*), min(at), $2::text, $3::pg_lsn from prices
returning to_json(at) #>> '{}' as at, prices::int8, to_json(since) #>> '{}' as since`

/** Looks at what is there, before anything is added to it, and keeps a note of it. */
export async function noteStart(pool: Pool, herd: HerdView, source: SourceKind): Promise<Start> {
  const standby = await readStandby(herd)
  const { rows } = await pool.query<{ at: string; prices: string; since: string | null }>(NOTE, [
    source,
    standby?.name ?? null,
    standby?.lsn ?? null,
  ])
  const { at, prices, since } = rows[0] as { at: string; prices: string; since: string | null }
  return {
    at,
    prices: Number(prices),
    since,
    standby: standby?.name ?? null,
    standbyLsn: standby?.lsn ?? null,
  }
}

/** The standby's own word on how far it is. */
async function readStandby(herd: HerdView): Promise<{ name: string; lsn: string | null } | null> {
  const { groups } = await herd.topology()
  const standby = groups.flatMap((group) => group.nodes).find(({ role }) => role === 'standby')
  if (standby === undefined) return null
  const client = new pg.Client({
    connectionString: await herd.dsnOf(standby.name),
    connectionTimeoutMillis: 2000,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ lsn: string | null }>('select pg_last_wal_replay_lsn() as lsn')
    return { name: standby.name, lsn: rows[0]?.lsn ?? null }
  } catch {
    return { name: standby.name, lsn: null }
  } finally {
    await client.end().catch(() => {})
  }
}
