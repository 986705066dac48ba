import type { HerdStatus } from '../store/topology.js'
import { primaryOf } from '../store/topology.js'

export interface RoleChange {
  group: string
  epoch: number
  /** Null: nobody is primary any more. */
  primary: string | null
}

/** Groups whose primary is another one than before, or nobody. */
export function roleChangesBetween(before: HerdStatus, after: HerdStatus): RoleChange[] {
  return after.groups.flatMap((group) => {
    const old = before.groups.find((each) => each.name === group.name)
    const was = old === undefined ? null : (primaryOf(old)?.name ?? null)
    const is = primaryOf(group)?.name ?? null
    return was === is ? [] : [{ group: group.name, epoch: group.epoch, primary: is }]
  })
}
