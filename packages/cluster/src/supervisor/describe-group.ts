import { formatLsn, type GroupStatus, lagOf, type NodeStatus, type WalSample } from '@pgherd/core'
import {
  conditionOf,
  type GroupMemory,
  type GroupSettings,
  observeNode,
  type Patience,
} from '@pgherd/core/failover'
import type { ManagedNode } from './managed-node.js'

export interface GroupDescriptionSource {
  settings: GroupSettings
  memory: GroupMemory
  stalled: string | null
  blocked: string | null
  nodes: ReadonlyMap<string, ManagedNode>
  samples: readonly WalSample[]
  patience: Patience
}

/** What is known of a group, in the shape that `pgherd status --json` promises. */
export function describeGroup(source: GroupDescriptionSource): GroupStatus {
  const { settings, memory } = source
  return {
    name: settings.name,
    epoch: memory.epoch,
    phase: memory.phase,
    durability: settings.durability,
    stalled: source.stalled,
    blocked: source.blocked,
    // Also of one that was let go, until nothing of it is left.
    nodes: [...source.nodes.values()].map((node) => describeNode(node, source)),
  }
}

function describeNode(managed: ManagedNode, source: GroupDescriptionSource): NodeStatus {
  const nowMs = performance.now()
  const { record } = managed
  const { address } = managed.node.server
  const disk = { role: 'primary', cleanShutdownLsn: null } as const
  const condition = conditionOf(observeNode(record, disk, source.patience, nowMs))
  const { answer } = record
  const isStandby = answer?.recovery === true
  // A standby that has stopped answering falls further behind by the clock, not by its last word.
  const askedAtMs = condition === 'follows' ? (answer?.askedAtMs ?? nowMs) : nowMs
  const lag =
    isStandby && source.samples.length > 0 ? lagOf(source.samples, answer.replayLsn, askedAtMs) : null
  const primary = source.nodes.get(source.memory.primary)
  return {
    name: managed.name,
    role: answer === null ? 'none' : isStandby ? 'standby' : 'primary',
    state: stateOf(managed, condition),
    host: address.host,
    port: address.port,
    pid: managed.running?.pid ?? null,
    lsn: answer === null ? null : formatLsn(answer.replayLsn),
    lagBytes: lag?.bytes ?? null,
    lagMs: lag?.ms ?? null,
    sync: isStandby ? (primary?.lastProbe?.syncStates[managed.name] ?? null) : null,
  }
}

function stateOf(managed: ManagedNode, condition: ReturnType<typeof conditionOf>): NodeStatus['state'] {
  const { record } = managed
  if (record.busy === 'clone' || record.busy === 'create') return 'copying'
  if (record.paused) return 'paused'
  if (condition === 'hung') return 'hung'
  if (condition === 'quiet') return 'starting'
  return condition === 'writes' || condition === 'follows' ? 'running' : 'stopped'
}
