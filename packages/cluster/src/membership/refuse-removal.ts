import { HerdError } from '@pgherd/core'
import type { GroupSupervisor } from '../supervisor/group-supervisor.js'

/** Throws OPERATION_FAILED with why a node cannot go now: what it is, or what would be left. */
export function refuseRemoval(group: GroupSupervisor, name: string): void {
  const primary = group.primary()
  const { phase, nodes: statuses } = group.describe()
  if (primary === null || phase !== 'steady')
    throw new HerdError('OPERATION_FAILED', `${group.name} is ${phase} just now.`)
  if (primary.name === name)
    throw new HerdError('OPERATION_FAILED', `${name} is the primary of ${group.name}.`, {
      hint: `Hand over to another node first: pgherd switchover ${group.name}`,
    })
  const { durability, leaving = [], nodes } = group.settings
  const replicas = primary.record.answer?.replicas ?? {}
  const left = nodes.filter((each) => each !== name && each !== primary.name && !leaving.includes(each))
  // What hangs still has a connection, for a while.
  const runs = (each: string): boolean =>
    statuses.some(({ name, state }) => name === each && state === 'running')
  if (durability === 'fast' || left.some((each) => replicas[each]?.streaming && runs(each))) return
  const why = left.length === 0 ? 'no standby would be left' : `${left.join(', ')} is not streaming`
  throw new HerdError(
    'OPERATION_FAILED',
    `${group.name} promises zero-loss, and without ${name} nothing would keep that: ${why}.`,
    { hint: `Add a standby first: pgherd node add ${group.name}` },
  )
}
