import type { Action, GroupSettings } from './decision.js'
import type { GroupMemory } from './group-memory.js'
import type { GroupObservation, NodeObservation } from './observation.js'
import { ruleFor } from './rule-for.js'

/** Starts a node in the role it has, unless it runs or failed a moment ago. */
export function revive(
  settings: GroupSettings,
  memory: GroupMemory,
  seen: GroupObservation,
  node: NodeObservation,
): Action[] {
  if (node.process === 'running' || seen.nowMs < node.retryAtMs) return []
  return [{ kind: 'start', node: node.name, upstream: null, rule: ruleFor(settings, memory, node.name) }]
}
