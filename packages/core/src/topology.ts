/** One node as `pgherd status --json` shows it. */
export interface NodeStatus {
  name: string
  /** What it does now; `none` while it is stopped or has no data. */
  role: 'primary' | 'standby' | 'none'
  state: 'running' | 'starting' | 'copying' | 'hung' | 'paused' | 'stopped' | 'absent'
  host: string
  port: number
  /** Of its postmaster; null while it does not run. */
  pid: number | null
  /** End of WAL written (primary) or replayed (standby), as PostgreSQL writes it; null if not known. */
  lsn: string | null
  /** Bytes of the primary's WAL not replayed yet; null for the primary and when not known. */
  lagBytes: number | null
  /** For how long the first of those bytes has been waiting. */
  lagMs: number | null
  /** PostgreSQL's `sync_state` on the primary: `quorum`, `async`, …; null when it does not stream. */
  sync: string | null
}

export interface GroupStatus {
  name: string
  epoch: number
  /** What the group is in the middle of: `steady` when nothing. */
  phase: string
  durability: string
  /** Why commits wait just now, or null. */
  stalled: string | null
  /** Why nobody may take over, or null. */
  blocked: string | null
  nodes: NodeStatus[]
}

/** The topology: every node with its role, state, LSN and lag, under an epoch. */
export interface HerdStatus {
  name: string
  /** Grows whenever who may write changes, in any group. */
  epoch: number
  groups: GroupStatus[]
  proxy: { host: string; port: number } | null
  api: { url: string } | null
}
