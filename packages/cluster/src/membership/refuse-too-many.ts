import { HerdError } from '@pgherd/core'
import type { GroupSpec, HerdSpec } from '@pgherd/core/spec'

/** Every node keeps so many connections for standbys at least, whatever its group began with (`nodeSettings`). */
const MOST_NODES = 10
/** What a person may have set lower; it can change only when servers start. */
const BOUNDS = ['max_wal_senders', 'max_replication_slots']

/** Throws OPERATION_FAILED where a group of `present` nodes cannot have `count` more while it runs. */
export function refuseTooMany(spec: HerdSpec, group: GroupSpec, present: number, count: number): void {
  const { settings } = spec.postgres
  const most = Math.min(
    Math.max(MOST_NODES, 2 * group.nodes),
    ...BOUNDS.filter((name) => name in settings).map((name) => Number(settings[name])),
  )
  if (present + count <= most) return
  throw new HerdError(
    'OPERATION_FAILED',
    `${group.name} has ${present} nodes, and can have at most ${most} while it runs.`,
  )
}
