/** What an acknowledged commit promises; docs/spec.md says what each one covers and what it does not. */
export type Durability = 'zero-loss' | 'fast'

/** The major versions of PostgreSQL a herd can run. */
export type PostgresVersion = 15 | 16 | 17 | 18

/** A value for `postgresql.conf`, as the spec wrote it. */
export type SettingValue = string | number | boolean

/** Nodes that hold the same data: one primary and its standbys. */
export interface GroupSpec {
  name: string
  /** All servers of the group, the primary among them. */
  nodes: number
  durability: Durability
  /** Under zero-loss, what a commit does while no standby is left. Without meaning under fast. */
  withoutStandby: 'wait' | 'continue'
}

/** What the herd should be: the spec as read, checked and with every default filled in. */
export interface HerdSpec {
  name: string
  /** The database applications connect to. */
  database: string
  /** The address servers listen on. */
  host: string
  /** The first port: node i, counted over all groups in order, gets `port + i`. `auto`: free ones are chosen. */
  port: number | 'auto'
  postgres: {
    version: PostgresVersion
    /** Directory of PostgreSQL's programs; null means those that come from npm. */
    bin: string | null
    settings: Record<string, SettingValue>
  }
  groups: GroupSpec[]
  probes: { intervalMs: number; hangAfterMs: number }
}
