import type { TopologySchema } from '@pgherd/core/api'

/** The topology as the API says it. */
export type HerdStatus = (typeof TopologySchema)['_output']
export type GroupStatus = HerdStatus['groups'][number]
export type NodeStatus = GroupStatus['nodes'][number]

/** The node that may write, when one runs. */
export function primaryOf(group: GroupStatus): NodeStatus | null {
  return group.nodes.find((node) => node.role === 'primary') ?? null
}

export function groupOfNode(topology: HerdStatus | null, node: string): GroupStatus | null {
  return topology?.groups.find((group) => group.nodes.some((each) => each.name === node)) ?? null
}

export function nodesOf(topology: HerdStatus | null): NodeStatus[] {
  return topology?.groups.flatMap((group) => group.nodes) ?? []
}

/** How a group is, at a glance. */
export type Health = 'good' | 'degraded' | 'busy' | 'bad'

/**
 * bad: nobody can write or nobody may take over; busy: a change of primary is under way; degraded: a node is
 * missing; good: all serve.
 */
export function healthOf(group: GroupStatus): Health {
  if (group.blocked !== null || group.stalled !== null) return 'bad'
  if (group.phase !== 'steady') return 'busy'
  if (primaryOf(group)?.state !== 'running') return 'bad'
  return group.nodes.every((node) => node.state === 'running') ? 'good' : 'degraded'
}

const WORST_FIRST: readonly Health[] = ['bad', 'busy', 'degraded', 'good']

export function healthOfHerd(topology: HerdStatus): Health {
  const all = topology.groups.map(healthOf)
  return WORST_FIRST.find((health) => all.includes(health)) ?? 'good'
}
