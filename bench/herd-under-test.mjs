import { join } from 'node:path'
import { openHerd } from '@pgherd/cluster'
import { parseSpec } from '@pgherd/core/spec'
import pg from 'pg'
import { WRITTEN_TABLE } from './writers.mjs'

/** The default herd (three nodes, zero-loss, default probes) with the table the writers use. */
export async function openHerdUnderTest(scratch) {
  const spec = parseSpec('name: bench\nport: auto\n', 'bench')
  const herd = await openHerd({ spec, stateDir: join(scratch.dir, '.pgherd') })
  await herd.whenWhole()
  const client = new pg.Client({ connectionString: herd.dsn(herd.primaryOf().name) })
  await client.connect()
  await client.query(WRITTEN_TABLE)
  await client.end()
  return herd
}
