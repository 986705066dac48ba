import type { GroupSettings } from './decision.js'
import type { GroupMemory } from './group-memory.js'
import { isLeaving } from './leaving.js'
import { conditionOf, type GroupObservation, type NodeAnswer } from './observation.js'

/** A successor further behind than this would keep writes standing still for too long. */
const MAX_LAG_BYTES = 16 * 1024 * 1024

export type SwitchoverTarget = { kind: 'to'; node: string } | { kind: 'refused'; reason: string }

/** Chooses who takes over in a planned change, or says why none should now. `to`: a person's choice. */
export function chooseSwitchoverTarget(
  settings: GroupSettings,
  memory: GroupMemory,
  seen: GroupObservation,
  to: string | null,
): SwitchoverTarget {
  if (memory.phase !== 'steady') return refused(`the group is ${memory.phase} just now`)
  const primary = seen.nodes[memory.primary]
  if (primary === undefined || primary.answer === null || conditionOf(primary) !== 'writes') {
    return refused(`the primary ${memory.primary} does not answer; that is a case for failover`)
  }
  if (to === memory.primary) return refused(`${to} is the primary already`)
  if (to !== null && !settings.nodes.includes(to)) return refused(`${to} is not a node of ${settings.name}`)
  if (to !== null && isLeaving(settings, to)) return refused(`${to} is being removed`)
  if (settings.nodes.length === 1) return refused(`${settings.name} has no standby`)
  const writer = primary.answer
  const reasons: string[] = []
  const fit = settings.nodes
    .filter((name) => name !== memory.primary && !isLeaving(settings, name) && (to === null || name === to))
    .filter((name) => {
      const reason = whyUnfit(name, seen, writer)
      if (reason !== null) reasons.push(`${name} ${reason}`)
      return reason === null
    })
    .sort(
      (a, b) => (writer.replicas[b]?.flushLsn ?? 0) - (writer.replicas[a]?.flushLsn ?? 0) || (a < b ? -1 : 1),
    )
  const best = fit[0]
  return best === undefined ? refused(reasons.join('; ')) : { kind: 'to', node: best }
}

function whyUnfit(name: string, seen: GroupObservation, writer: NodeAnswer): string | null {
  const node = seen.nodes[name]
  if (node === undefined || conditionOf(node) !== 'follows') return 'is not a standby in service'
  if (node.paused) return 'is paused'
  if (node.busy !== null) return `is busy (${node.busy})`
  const replica = writer.replicas[name]
  if (!replica?.streaming) return 'is not streaming from the primary'
  const lagBytes = writer.lsn - replica.replayLsn
  return lagBytes > MAX_LAG_BYTES ? `is ${lagBytes} bytes behind` : null
}

function refused(reason: string): SwitchoverTarget {
  return { kind: 'refused', reason }
}
