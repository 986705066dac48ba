import { join } from 'node:path'

import { openHerd } from '@pgherd/cluster'
import { parseSpec } from '@pgherd/core/spec'
import pg from 'pg'

/**
 * A herd of one node or of three with the tables all contestants use, for as long as cases need it. Nothing
 * but who has the turn may change what a round measures, so tables are not vacuumed meanwhile. `load` fills
 * the database, given the primary's connection string; `settings` are added to the servers'.
 */
export async function openServers(scratch, { name, nodeCount, settings, load }) {
  const spec = parseSpec(
    [
      `name: ${name}`,
      'port: auto',
      'database: app',
      `postgres: { settings: { autovacuum: false, ${settings} } }`,
      `groups: [{ name: main, nodes: ${nodeCount}, durability: ${nodeCount === 1 ? 'fast' : 'zero-loss'} }]`,
    ].join('\n'),
    name,
  )
  const herd = await openHerd({ spec, stateDir: join(scratch.dir, '.pgherd') })
  try {
    await herd.whenWhole()
    const primaryName = herd.primaryOf().name
    const names = (await herd.status({ fresh: false })).groups[0].nodes.map((node) => node.name)
    // The primary first: middlemen take the first for it.
    const ordered = [primaryName, ...names.filter((each) => each !== primaryName)]
    const [nodes, superuserNodes] = ['application', 'superuser'].map((role) =>
      ordered.map((each) => herd.dsn(each, role)),
    )
    const [primary] = nodes
    await load(primary)
    await settle({ nodes, superuserNodes })
    await herd.whenWhole()
    return { primary, nodes, superuserNodes, stop: () => herd.stop() }
  } catch (error) {
    await herd.stop().catch(() => {})
    throw error
  }
}

/** What is left to be written, or replayed by standbys, is so now, not during somebody's round. */
export async function settle({ nodes: [primary, ...standbys], superuserNodes }) {
  await runSql(superuserNodes[0], 'checkpoint')
  const { rows } = await runSql(primary, 'select pg_current_wal_flush_lsn() as lsn')
  for (const standby of standbys) await whenReplayed(standby, rows[0].lsn)
}

async function whenReplayed(standby, lsn) {
  const untilMs = performance.now() + 60_000
  for (;;) {
    const { rows } = await runSql(standby, `select pg_last_wal_replay_lsn() >= '${lsn}' as done`)
    if (rows[0].done) return
    if (performance.now() > untilMs) throw new Error('a standby did not replay what was written')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Runs one statement, or several, over a connection of its own. */
export async function runSql(url, sql) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(sql)
  } finally {
    await client.end()
  }
}
