import { join } from 'node:path'

import { openHerd } from '@pgherd/cluster'
import { parseSpec } from '@pgherd/core/spec'
import pg from 'pg'
import { SCHEMA } from './statements.mjs'

/**
 * A herd of one node or of three with the table all contestants read, for as long as cases need it. Nothing
 * but who has the turn may change what a round measures, so tables are not vacuumed meanwhile.
 */
export async function openServers(scratch, nodeCount) {
  const name = `bench-client-${nodeCount}`
  const spec = parseSpec(
    [
      `name: ${name}`,
      'port: auto',
      'database: app',
      'postgres: { settings: { max_connections: 300, shared_buffers: 256MB, autovacuum: false } }',
      `groups: [{ name: main, nodes: ${nodeCount}, durability: ${nodeCount === 1 ? 'fast' : 'zero-loss'} }]`,
    ].join('\n'),
    name,
  )
  const herd = await openHerd({ spec, stateDir: join(scratch.dir, '.pgherd') })
  try {
    await herd.whenWhole()
    const primaryName = herd.primaryOf().name
    const names = (await herd.status({ fresh: false })).groups[0].nodes.map((node) => node.name)
    const primary = herd.dsn(primaryName)
    const client = new pg.Client({ connectionString: primary })
    await client.connect()
    await client.query(SCHEMA)
    await client.query('vacuum (analyze) t, guarded')
    await client.end()
    await checkpoint(herd.dsn(primaryName, 'superuser'))
    await herd.whenWhole()
    // The primary first: middlemen take the first for it.
    const nodes = [primary, ...names.filter((each) => each !== primaryName).map((each) => herd.dsn(each))]
    return { primary, nodes, stop: () => herd.stop() }
  } catch (error) {
    await herd.stop().catch(() => {})
    throw error
  }
}

/** What loading left to be written is written now, not during somebody's round. */
async function checkpoint(url) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('checkpoint')
  await client.end()
}
