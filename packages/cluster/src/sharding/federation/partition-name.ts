import { nameOf } from './description.js'
import { digestOf } from './shard-operators.js'

/** What PostgreSQL keeps of a name, in bytes (`NAMEDATALEN`, pg_config_manual.h). */
const LONGEST_NAME = 63

/** What the part of a table on a shard is called in the schema pgherd, as plans show it. */
export function partitionName(
  table: { readonly schema: string; readonly name: string },
  server: string,
): string {
  const name = `${nameOf(table)}.${server}`
  if (Buffer.byteLength(name) <= LONGEST_NAME) return name
  const digest = `~${digestOf([table.schema, table.name, server])}`
  let kept = ''
  for (const letter of name) {
    if (Buffer.byteLength(kept + letter) > LONGEST_NAME - digest.length) break
    kept += letter
  }
  return kept + digest
}
