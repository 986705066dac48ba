import { type Lsn, parseLsn } from '@pgherd/core'
import { type NodeAnswer, parseRule } from '@pgherd/core/failover'

/**
 * Everything the supervisor wants to know of a server, in one row. `$1`: also what costs a look into
 * pg_wal, wanted only when some standby does not stream.
 *
 * A standby's timeline is that of the newest WAL it holds: the control file lags behind until the next
 * restartpoint. Its startup process has replayed all local WAL once it has asked for streaming or
 * waits to look for more.
 */
export const PROBE_SQL = `
select r.recovery,
  case when r.recovery then null else pg_current_wal_lsn()::text end as write_lsn,
  pg_last_wal_receive_lsn()::text as receive_lsn,
  pg_last_wal_replay_lsn()::text as replay_lsn,
  case when r.recovery
    then coalesce(
      (select received_tli from pg_stat_wal_receiver where status = 'streaming'),
      (select ('x' || max(left(name, 8)))::bit(32)::int from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'),
      (select timeline_id from pg_control_checkpoint()))
    else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end as timeline,
  r.recovery and (pg_last_wal_receive_lsn() is not null or exists (
    select from pg_stat_activity where backend_type = 'startup'
      and wait_event in ('RecoveryRetrieveRetryInterval', 'RecoveryWalStream'))) as settled,
  case when r.recovery then current_setting('primary_conninfo') end as conninfo,
  r.recovery and exists (select from pg_stat_wal_receiver where status = 'streaming') as streaming,
  array(select slot_name::text from pg_replication_slots
    where slot_type = 'physical' and coalesce(wal_status, '') <> 'lost') as slots,
  array(select slot_name::text from pg_replication_slots
    where slot_type = 'physical' and wal_status = 'lost') as lost_slots,
  case when $1 and not r.recovery
    then (select min(name) from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$') end as oldest_wal_file,
  pg_size_bytes(current_setting('wal_segment_size')) as wal_segment_bytes,
  current_setting('synchronous_standby_names') as rule,
  (select system_identifier::text from pg_control_system()) as system_identifier,
  (select coalesce(json_agg(json_build_object('name', application_name, 'state', state, 'flush', flush_lsn,
    'replay', replay_lsn, 'sync', sync_state)), '[]') from pg_stat_replication) as replicas
from (select pg_is_in_recovery() as recovery) r`.replace(/\s+/g, ' ')

/** The timeline history file of the primary, as text; null on timeline 1. PostgreSQL 15 wants a length. */
export const HISTORY_SQL = `select pg_read_file(format('pg_wal/%s.history', lpad(upper(to_hex($1::int)), 8, '0')), 0, 1000000, true) as history`

export interface ProbeRow {
  recovery: boolean
  write_lsn: string | null
  receive_lsn: string | null
  replay_lsn: string | null
  timeline: number
  settled: boolean
  conninfo: string | null
  streaming: boolean
  slots: string[]
  lost_slots: string[]
  oldest_wal_file: string | null
  wal_segment_bytes: string
  rule: string
  system_identifier: string
  replicas: { name: string; state: string; flush: string | null; replay: string | null; sync: string }[]
}

/** A node's answer, with what only a person wants to see. */
export interface ProbeResult {
  answer: NodeAnswer
  systemIdentifier: string
  /** Primary: `sync_state` of each standby, in PostgreSQL's words. */
  syncStates: Readonly<Record<string, string>>
}

/** The nodes of a group, found by what a server calls them. */
export interface GroupDirectory {
  nodeAtPort(port: number): string | null
  /** Null for a slot that is none of ours. */
  nodeOfSlot(slot: string): string | null
}

/** Turns the row into the answer decisions are made on. */
export function readProbe(
  row: ProbeRow,
  history: string | null,
  askedAtMs: number,
  directory: GroupDirectory,
): ProbeResult {
  const replayLsn = lsn(row.replay_lsn)
  const writeLsn = lsn(row.write_lsn)
  const answer: NodeAnswer = {
    askedAtMs,
    recovery: row.recovery,
    timeline: row.timeline,
    lsn: row.recovery ? Math.max(lsn(row.receive_lsn), replayLsn) : writeLsn,
    replayLsn: row.recovery ? replayLsn : writeLsn,
    settled: row.settled,
    upstream: upstreamOf(row.conninfo, directory),
    streaming: row.streaming,
    slots: nodesOfSlots(row.slots, directory),
    lostSlots: nodesOfSlots(row.lost_slots, directory),
    oldestWalLsn: startOfSegment(row.oldest_wal_file, Number(row.wal_segment_bytes)),
    history: readHistory(history),
    rule: parseRule(row.rule),
    replicas: Object.fromEntries(
      row.replicas.map(({ name, state, flush, replay }) => [
        name,
        { streaming: state === 'streaming', flushLsn: lsn(flush), replayLsn: lsn(replay) },
      ]),
    ),
  }
  return {
    answer,
    systemIdentifier: row.system_identifier,
    syncStates: Object.fromEntries(row.replicas.map(({ name, sync }) => [name, sync])),
  }
}

function nodesOfSlots(slots: readonly string[], directory: GroupDirectory): string[] {
  return slots.map((slot) => directory.nodeOfSlot(slot)).filter((node) => node !== null)
}

function lsn(text: string | null): Lsn {
  return text === null ? 0 : parseLsn(text)
}

function upstreamOf(conninfo: string | null, directory: GroupDirectory): string | null {
  const match = /\bport=(\d+)/.exec(conninfo ?? '')
  return match ? directory.nodeAtPort(Number(match[1])) : null
}

/** Where the WAL file of this name begins (PostgreSQL, `XLogFromFileName`). */
function startOfSegment(name: string | null, segmentBytes: number): Lsn | null {
  if (name === null) return null
  const high = Number.parseInt(name.slice(8, 16), 16)
  const low = Number.parseInt(name.slice(16, 24), 16)
  return high * 2 ** 32 + low * segmentBytes
}

/** Lines of `timeline<TAB>LSN of the switch<TAB>reason` (PostgreSQL, `readTimeLineHistory`). */
function readHistory(text: string | null): Record<number, Lsn> {
  const lines = (text ?? '').split('\n').map((line) => line.trim().split('\t'))
  return Object.fromEntries(
    lines
      .filter((fields) => fields.length >= 2)
      .map((fields) => [Number(fields[0]), parseLsn(fields[1] as string)]),
  )
}
