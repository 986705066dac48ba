/** Folders whose content a running server makes for itself; the folders are kept. */
const EMPTIED = new Set([
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
  'pg_wal',
])

/** Folders inside emptied ones that the server expects to be there. */
const KEPT = new Set(['pg_wal/archive_status', 'pg_wal/summaries'])

/** Files of this very server or of an earlier copy, at the top of the data directory. */
const OWN_FILES = new Set([
  'backup_label',
  'backup_manifest',
  'current_logfiles',
  'current_logfiles.tmp',
  'postgresql.auto.conf.tmp',
  'postmaster.opts',
  'postmaster.pid',
  'recovery.signal',
  'standby.signal',
  'tablespace_map',
])

/** `t3_16402`, also with a fork (`_fsm`) or segment (`.1`): a session's temporary relation. */
const TEMPORARY_RELATION = /^t\d+_\d+(?:_(?:fsm|vm|init))?(?:\.\d+)?$/

/**
 * Says of a path inside a data directory whether a base backup leaves it out (PostgreSQL's
 * documentation, "Making a Base Backup Using the Low Level API", and basebackup.c).
 */
export function BASE_BACKUP_SKIP(relativePath: string): boolean {
  const [top = '', ...below] = relativePath.split('/')
  if (below.length === 0 && OWN_FILES.has(top)) return true
  if (EMPTIED.has(top) && below.length > 0) return !KEPT.has(relativePath)
  const name = below.at(-1) ?? top
  if (name.startsWith('pgsql_tmp') || name.startsWith('pg_internal.init')) return true
  return top === 'base' && below.length === 2 && TEMPORARY_RELATION.test(name)
}
