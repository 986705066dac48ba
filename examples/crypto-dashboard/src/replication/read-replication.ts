import type { NodeStatus } from '@pgherd/core'
import type { HerdView } from '../herd/herd-view.js'

/** The herd as its supervisor knows it. */
export interface Replication {
  /** Whose word this is. */
  node: string
  role: 'supervisor'
  epoch: number
  /** What the group is in the middle of: `steady` when nothing. */
  phase: string
  /** Why commits wait just now, or null. */
  stalled: string | null
  nodes: Pick<NodeStatus, 'name' | 'role' | 'state' | 'lsn' | 'lagBytes' | 'lagMs' | 'sync'>[]
}

export async function readReplication(herd: HerdView): Promise<Replication> {
  const { name, epoch, groups } = await herd.topology()
  return {
    node: name,
    role: 'supervisor',
    epoch,
    phase: groups[0]?.phase ?? 'unknown',
    stalled: groups[0]?.stalled ?? null,
    nodes: groups.flatMap((group) =>
      group.nodes.map(({ name, role, state, lsn, lagBytes, lagMs, sync }) => ({
        name,
        role,
        state,
        lsn,
        lagBytes,
        lagMs,
        sync,
      })),
    ),
  }
}
