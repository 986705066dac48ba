import { HerdError } from '@pgherd/core'
import type { HerdSpec } from '@pgherd/core/spec'

/** Refuses what a spec may say and a herd cannot do yet, before anything is touched. Throws NOT_SUPPORTED. */
export function refuseUnsupported({ name, sharding }: HerdSpec): void {
  if (sharding === undefined) return
  throw new HerdError(
    'NOT_SUPPORTED',
    `The herd "${name}" cannot be brought up: herds do not run sharded yet.`,
    {
      hint: 'Take "sharding" out of the spec to run its groups each for itself; "pgherd shard compare" shows how keys would be placed.',
    },
  )
}
