import type { GroupSettings } from './decision.js'
import type { GroupMemory } from './group-memory.js'
import { conditionOf, type GroupObservation } from './observation.js'

/**
 * Says in a sentence why commits wait, while fewer standbys are there than the rule of acknowledgement
 * asks for; null while they do not wait. What is to be done about it, nothing or going on alone, is the
 * person's choice in the spec (`withoutStandby`).
 */
export function whyCommitsWait(
  settings: GroupSettings,
  memory: GroupMemory,
  seen: GroupObservation,
): string | null {
  const rule = memory.reigns.at(-1)?.rules.at(-1)
  const primary = seen.nodes[memory.primary]
  if (memory.phase !== 'steady' || rule === undefined || primary === undefined) return null
  if (conditionOf(primary) !== 'writes') return null
  const there = rule.members.filter(
    (name) => primary.answer?.replicas[name]?.streaming === true && seen.nodes[name]?.vitals !== 'hung',
  )
  if (there.length >= rule.count) return null
  const missing = rule.members.filter((name) => !there.includes(name)).join(', ')
  const policy =
    settings.withoutStandby === 'wait'
      ? 'nothing is acknowledged before (withoutStandby: wait)'
      : 'in a moment the primary goes on alone (withoutStandby: continue)'
  return `Commits wait for a standby (${missing}) to be back; ${policy}.`
}
