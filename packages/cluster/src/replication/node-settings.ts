import { type AckRule, formatRule } from '@pgherd/core/failover'
import type { HerdSpec } from '@pgherd/core/spec'
import type { ServerAddress, ServerSettings } from '../postgres/index.js'

export const REPLICATION_ROLE = 'pgherd_replication'
/** The application's role, owner of its database. */
export const APPLICATION_ROLE = 'app'

const MOST_PREPARED = 100

export interface NodeRoleSettings {
  name: string
  spec: HerdSpec
  rule: AckRule
  upstream: ServerAddress | null
  replicationPassword: string
  /** How many nodes its group has. */
  groupSize: number
}

/**
 * What one server is told. The same for every node but for its upstream, so that a standby has all it
 * needs to be a primary, the rule of acknowledgement included, before it becomes one.
 */
export function nodeSettings(node: NodeRoleSettings): ServerSettings {
  return {
    wal_level: 'replica',
    hot_standby: true,
    max_wal_senders: Math.max(10, node.groupSize * 2),
    max_replication_slots: Math.max(10, node.groupSize * 2),
    // A standby that stays away cannot fill the primary's disk: past this it is made anew instead.
    max_slot_wal_keep_size: '4GB',
    // A primary that is gone is noticed by the supervisor; these only bound how long a broken stream lingers.
    wal_sender_timeout: '10s',
    wal_receiver_timeout: '10s',
    wal_receiver_status_interval: '1s',
    // How soon a standby looks again after its upstream changed; part of every failover.
    wal_retrieve_retry_interval: '50ms',
    password_encryption: 'scram-sha-256',
    log_line_prefix: '%m [%p] ',
    // Transactions over several groups are prepared in each before they are committed in any.
    ...(node.spec.sharding === undefined ? {} : { max_prepared_transactions: MOST_PREPARED }),
    ...node.spec.postgres.settings,
    synchronous_standby_names: formatRule(node.rule),
    primary_conninfo:
      node.upstream === null ? '' : conninfo(node.name, node.upstream, node.replicationPassword),
    primary_slot_name: node.upstream === null ? '' : slotName(node.name),
    recovery_target_timeline: 'latest',
  }
}

/** A slot's name may hold lower-case letters, digits and underscores only. */
export function slotName(node: string): string {
  return node.replaceAll('-', '_')
}

function conninfo(node: string, upstream: ServerAddress, password: string): string {
  const parts = {
    host: upstream.host,
    port: upstream.port,
    user: REPLICATION_ROLE,
    password,
    application_name: node,
    connect_timeout: 2,
    sslmode: 'prefer',
  }
  return Object.entries(parts)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')
}
