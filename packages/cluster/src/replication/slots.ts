import type pg from 'pg'
import { slotName } from './node-settings.js'

/**
 * Makes and drops physical slots so that of those for `group`, exactly the ones for `nodes` are there,
 * with WAL kept from now on. Wants a connection of its own. Slots that are not for nodes of the group are somebody else's.
 */
export async function setSlots(
  client: pg.Client,
  nodes: readonly string[],
  group: readonly string[],
): Promise<void> {
  const wanted = nodes.map(slotName)
  // Two standbys may be made at once: whoever comes second finds the slots made. Ends with the session.
  await client.query(`select pg_advisory_lock(hashtext('pgherd slots'))`)
  await client.query(
    `select pg_drop_replication_slot(slot_name) from pg_replication_slots
     where slot_type = 'physical' and not active and slot_name = any ($2::text[])
       and (slot_name <> all ($1::text[]) or wal_status = 'lost')`,
    [wanted, group.map(slotName)],
  )
  await client.query(
    `select pg_create_physical_replication_slot(wanted, true) from unnest($1::text[]) as wanted
     where not exists (select from pg_replication_slots where slot_name = wanted)`,
    [wanted],
  )
}
