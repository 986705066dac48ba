import type { SettingValue } from './herd-spec.js'

const STOPS_SHORT = 'a standby must follow the primary without stopping short'

/** Settings a spec may not write, with the reason a person gets. */
export const REFUSED_SETTINGS: Readonly<Record<string, string>> = {
  port: 'pgherd gives every node its own port; write "port" at the top of the spec',
  listen_addresses: 'pgherd sets it from "host" at the top of the spec',
  unix_socket_directories: 'nodes are reached over TCP only',
  data_directory: 'pgherd decides where the data of each node lives',
  config_file: 'pgherd writes the configuration of each node',
  hba_file: 'pgherd writes who may connect to each node',
  ident_file: 'pgherd writes who may connect to each node',
  include: 'another file could override what pgherd relies on; write the settings here',
  include_if_exists: 'another file could override what pgherd relies on; write the settings here',
  include_dir: 'other files could override what pgherd relies on; write the settings here',
  synchronous_standby_names: 'pgherd sets it from "durability" of the group',
  primary_conninfo: 'pgherd points each standby at the primary',
  primary_slot_name: 'pgherd gives each standby its replication slot',
  recovery_target: STOPS_SHORT,
  recovery_target_lsn: STOPS_SHORT,
  recovery_target_name: STOPS_SHORT,
  recovery_target_time: STOPS_SHORT,
  recovery_target_xid: STOPS_SHORT,
  recovery_target_timeline: 'a standby must follow the latest timeline to survive a failover',
  cluster_name: 'pgherd sets it to the name of the node, by which standbys are told apart',
  hot_standby: 'pgherd needs standbys that answer queries',
  password_encryption: 'pgherd always stores passwords as SCRAM-SHA-256',
}

const ON: readonly string[] = ['on', 'true', 'yes', '1']

interface SettingRule {
  allowed: readonly string[]
  /** What must be written instead, and why. */
  reason: string
}

/** Settings that take only some of PostgreSQL's values, whatever the durability. */
const ALWAYS: Readonly<Record<string, SettingRule>> = {
  wal_level: {
    allowed: ['replica', 'logical'],
    reason: 'must be replica or logical, because standbys replay the write-ahead log',
  },
}

/**
 * Settings that take only some values where a group promises zero-loss. What is allowed is listed, not
 * what is refused, so that a spelling of "off" nobody thought of cannot break the promise.
 */
const UNDER_ZERO_LOSS: Readonly<Record<string, SettingRule>> = {
  fsync: { allowed: ON, reason: 'must be on, or a crash can lose acknowledged writes' },
  full_page_writes: { allowed: ON, reason: 'must be on, or a crash can corrupt pages' },
  synchronous_commit: {
    allowed: [...ON, 'remote_apply'],
    reason: 'must be on or remote_apply, or a commit is acknowledged before a standby has it on disk',
  },
}

/**
 * Says why a setting with this value is refused; undefined if it is not.
 * `zeroLossGroup` names a group that promises zero-loss, if the herd has one.
 */
export function refuseSetting(
  name: string,
  value: SettingValue,
  zeroLossGroup: string | undefined,
): string | undefined {
  const reason = Object.hasOwn(REFUSED_SETTINGS, name) ? REFUSED_SETTINGS[name] : undefined
  if (reason !== undefined) return `cannot be set: ${reason}`
  const always = brokenRule(ALWAYS, name, value)
  if (always !== undefined) return always
  const promised = brokenRule(UNDER_ZERO_LOSS, name, value)
  if (promised === undefined || zeroLossGroup === undefined) return undefined
  return `${promised} (group "${zeroLossGroup}" is zero-loss)`
}

function brokenRule(
  rules: Readonly<Record<string, SettingRule>>,
  name: string,
  value: SettingValue,
): string | undefined {
  const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
  if (rule === undefined || rule.allowed.includes(String(value).toLowerCase())) return undefined
  return rule.reason
}
