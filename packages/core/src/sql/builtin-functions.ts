import type { Trace } from './statement-facts.js'

/** What a function of PostgreSQL's own asks for beyond what its volatility says. */
export interface FunctionTreatment {
  /** May run on a standby, and means there what it means on the primary. */
  standby: boolean
  /** May run on a connection that others use: it leaves nothing there and reads nothing of others there. */
  shared: boolean
  trace: Trace | null
}

const FREE: FunctionTreatment = { standby: true, shared: true, trace: null }
/** Asks about the node or about what only the primary knows; the answer of any standby would be a lottery. */
const OF_THE_NODE: FunctionTreatment = { standby: false, shared: true, trace: null }
/** Asks about its own session, so that it must be one of the caller's own. */
const OF_THE_SESSION: FunctionTreatment = { standby: false, shared: false, trace: null }
/** The same, and a standby's is as good. */
const OF_ANY_SESSION: FunctionTreatment = { standby: true, shared: false, trace: null }
const WRITES: FunctionTreatment = { standby: false, shared: true, trace: null }

/** Reads SQL from its arguments and runs it, or the checks of a type named in them. */
const RUNS_SQL = leaves('unknown')

/**
 * PostgreSQL's own functions for which the rule "immutable and stable ones are free, volatile ones are
 * not" is wrong. Of the volatile ones this is an allow-list: one that is not here gets the primary and a
 * connection of its own. (Looked through in 18's `pg_proc`.)
 */
const TREATMENTS: ReadonlyMap<string, FunctionTreatment> = new Map([
  // Volatile, but nothing of it stays: the clock and chance. A `setseed` never runs where others are.
  ...treat(FREE, [
    'random random_normal clock_timestamp timeofday gen_random_uuid uuidv4 uuidv7 array_sample array_shuffle',
    'pg_sleep pg_sleep_for pg_sleep_until bernoulli system current_query amvalidate',
    'pg_relation_size pg_table_size pg_indexes_size pg_total_relation_size pg_database_size pg_tablespace_size',
    'pg_partition_tree pg_partition_ancestors pg_sequence_last_value pg_collation_actual_version',
    'pg_database_collation_actual_version pg_jit_available',
    'tsvector_update_trigger tsvector_update_trigger_column suppress_redundant_updates_trigger',
  ]),
  // currval and lastval remember what nextval gave, but they are never asked where others are.
  ...treat(WRITES, ['nextval setval pg_current_xact_id txid_current']),
  ...treat(OF_THE_SESSION, [
    'currval lastval pg_backend_pid pg_listening_channels pg_my_temp_schema pg_prepared_statement pg_cursor',
    'pg_current_xact_id_if_assigned txid_current_if_assigned pg_trigger_depth inet_client_addr',
    'inet_client_port pg_stat_get_backend_idset pg_get_backend_memory_contexts',
    'pg_show_all_settings',
  ]),
  // Shared connections have a statement_timeout of ours.
  ...treat(OF_ANY_SESSION, ['current_setting']),
  ...treat(OF_THE_NODE, [
    'pg_is_in_recovery inet_server_addr inet_server_port pg_postmaster_start_time pg_conf_load_time',
    'pg_current_wal_lsn pg_current_wal_insert_lsn pg_current_wal_flush_lsn pg_last_wal_receive_lsn',
    'pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_is_wal_replay_paused',
    'pg_get_wal_replay_pause_state pg_last_committed_xact pg_xact_commit_timestamp',
    'pg_xact_commit_timestamp_origin pg_xact_status txid_status pg_lock_status pg_blocking_pids',
    'pg_safe_snapshot_blocking_pids pg_prepared_xact pg_show_all_file_settings',
    'pg_hba_file_rules pg_ident_file_mappings pg_control_checkpoint pg_control_init pg_control_recovery',
    'pg_control_system pg_notification_queue_usage pg_current_snapshot txid_current_snapshot',
    'pg_get_replication_slots pg_show_replication_origin_status pg_replication_origin_progress',
    'pg_get_shmem_allocations pg_get_wait_events pg_stat_have_stats pg_timezone_names pg_config',
    'pg_available_extensions pg_available_extension_versions pg_extension_update_paths pg_split_walfile_name',
    'pg_walfile_name pg_walfile_name_offset pg_tablespace_location pg_relation_filepath',
  ]),
  ...treat(leaves('settings'), ['set_config setseed']),
  ...treat(leaves('unknown'), ['pg_stat_force_next_flush pg_stat_clear_snapshot']),
  ...treat(RUNS_SQL, [
    'query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema',
    'table_to_xml table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml schema_to_xmlschema',
    'schema_to_xml_and_xmlschema database_to_xml database_to_xmlschema database_to_xml_and_xmlschema',
    'ts_stat ts_rewrite pg_input_is_valid pg_input_error_info',
  ]),
])

/** How a function of PostgreSQL's own is treated, by its name and volatility. */
export function treatmentOf(name: string, volatility: 'i' | 's' | 'v'): FunctionTreatment {
  const known = TREATMENTS.get(name)
  if (known !== undefined) return known
  if (/^pg_(try_)?advisory_/.test(name)) return leaves('advisory')
  // Counters of the server and of its sessions.
  if (name.startsWith('pg_stat_get_')) return OF_THE_NODE
  return volatility === 'v' ? leaves('unknown') : FREE
}

function treat(treatment: FunctionTreatment, names: readonly string[]): [string, FunctionTreatment][] {
  return names.flatMap((line) => line.split(' ')).map((name) => [name, treatment])
}

function leaves(trace: Trace): FunctionTreatment {
  return { standby: false, shared: false, trace }
}
