import type { GroupStatus, HerdStatus, NodeStatus } from '../../src/store/topology.js'

/** Plain data for tests of what draws it: a node that runs. */
export function nodeNamed(name: string, over: Partial<NodeStatus> = {}): NodeStatus {
  return {
    name,
    role: 'standby',
    state: 'running',
    host: '127.0.0.1',
    port: 5432,
    pid: 1,
    lsn: '0/1000',
    lagBytes: 0,
    lagMs: 0,
    sync: 'quorum',
    ...over,
  }
}

/** A group of a primary and standbys that all serve. */
export function groupOf(nodeCount: number, over: Partial<GroupStatus> = {}): GroupStatus {
  const nodes = Array.from({ length: nodeCount }, (_, index) =>
    nodeNamed(`main-${index + 1}`, { role: index === 0 ? 'primary' : 'standby' }),
  )
  const group = {
    name: 'main',
    epoch: 1,
    phase: 'steady',
    durability: 'zero-loss',
    stalled: null,
    blocked: null,
  }
  return { ...group, nodes, ...over }
}

export function herdOf(...groups: GroupStatus[]): HerdStatus {
  return { name: 'scratch', epoch: 1, groups, proxy: null, api: null }
}
