import type { KeyFamily, Strategy } from '../sharding/index.js'

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

/** The wire proxy in front of the herd. */
export interface ProxySpec {
  /** The address it listens on. */
  host: string
  port: number | 'auto'
  /** Processes that serve clients; `auto`: by the number of cores. */
  workers: number | 'auto'
  /** Clients at once: in all, of each user, of each database. */
  maxClients: number
  maxClientsPerUser: number | null
  maxClientsPerDatabase: number | null
  /** Connections to each node, by user and database: of clients that have one to themselves, and shared. */
  maxServers: number
  lanes: number
  /** Who may use the admin database, besides the superuser. */
  adminUsers: string[]
  /** Files; null: none. */
  tls: { cert: string; key: string; ca: string | null; required?: boolean | undefined } | null
  /** For Prometheus and health checks, on 127.0.0.1. */
  metricsPort: number | null
}

/** The control API over HTTP. */
export interface ApiSpec {
  host: string
  /** Absent: the usual one, or a free one where that is taken. */
  port?: number | 'auto' | undefined
  /** Files; null: plain HTTP. */
  tls: { cert: string; key: string } | null
  /** Who needs a token. */
  tokens: 'elsewhere' | 'always'
}

/** A table that is not in one group alone. */
export type TableSpec =
  | {
      kind: 'sharded'
      /** The columns of the shard key. */
      key: string[]
    }
  | { kind: 'reference' }

/** Which tables are spread over which groups. */
export interface ShardingSpec {
  strategy: Strategy
  /** The groups that are shards. */
  groups: string[]
  /** The group of tables that are not named. */
  home: string
  /** By name, the schema always in front. */
  tables: Record<string, TableSpec>
  /** Of consistent hashing; without meaning under other strategies. */
  virtualNodes: number
  loadLimit: number | null
  /** Of ranges; without meaning under other strategies. */
  keyType: KeyFamily
  splits: (string | number)[]
  /** Whether columns of sharded tables may be drawn from sequences, of which each shard has its own. */
  sequences: 'refuse' | 'strided'
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
  /** `false`: none is started. */
  proxy: ProxySpec | false
  /** `false`: none is served. */
  api: ApiSpec | false
  /** Absent: every group is for itself. */
  sharding?: ShardingSpec
}
