import { findKey } from '../shards/find-key.js'
import { type LocationOptions, locateHerd } from './herd-location.js'
import { askPlacedHerd } from './placed-herd.js'

export interface WhereFlags extends LocationOptions {
  json?: boolean
}

/** Prints which shard has the rows of a key. Throws USAGE, SHARD_KEY_INVALID, HERD_NOT_RUNNING, SQL_FAILED. */
export async function runShardWhere(
  name: string,
  values: readonly string[],
  flags: WhereFlags,
): Promise<void> {
  const found = await findKey(await askPlacedHerd(await locateHerd(flags)), name, values)
  const { table, kind } = found
  if (found.kind === 'reference') {
    if (flags.json) console.log(JSON.stringify({ table, kind, shards: found.shards }))
    else
      console.log(`${table} is a reference table: every shard has a full copy (${found.shards.join(', ')}).`)
    return
  }
  const { columns, types, shard } = found
  const position = String(found.position)
  const key = Object.fromEntries(columns.map((column, index) => [column, values[index]]))
  if (flags.json) console.log(JSON.stringify({ table, kind, key, types, shard, position }))
  else {
    const said = columns.map((column, index) => `${column} = ${values[index]}`).join(', ')
    console.log(`${table} with ${said} is on ${shard} (position ${position}).`)
  }
}
