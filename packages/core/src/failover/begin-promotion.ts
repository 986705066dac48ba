import { type Reign, sameRule } from './acknowledgement.js'
import { withoutAstray } from './astray.js'
import { type Action, type Decision, decision, type GroupSettings } from './decision.js'
import type { GroupMemory } from './group-memory.js'
import { conditionOf, type GroupObservation, type NodeObservation } from './observation.js'
import { newReign } from './rule-for.js'
import { tendSlots } from './tend-slots.js'

/** Puts on record who takes over and on which timeline, then asks it, and points the others at it. */
export function beginPromotion(
  settings: GroupSettings,
  memory: GroupMemory,
  seen: GroupObservation,
  successor: NodeObservation,
): Decision {
  const begunTimeline =
    Math.max(memory.timeline, memory.begunTimeline ?? 0, successor.answer?.timeline ?? 0) + 1
  const promoting: GroupMemory = {
    ...withoutAstray(memory, (name) => name === successor.name),
    phase: 'promoting',
    successor: successor.name,
    begunTimeline,
    reigns: withNewReign(settings, memory.reigns, successor.name),
  }
  const followers = settings.nodes.filter((name) => {
    const node = seen.nodes[name]
    return (
      name !== successor.name && node !== undefined && conditionOf(node) === 'follows' && node.busy === null
    )
  })
  return decision(promoting, [
    ...promote(settings, promoting, successor),
    ...followers.map((node): Action => ({ kind: 'follow', node, upstream: successor.name })),
  ])
}

/**
 * Adds the reign that begins with this promotion. A node chosen again has one reign, under every rule it
 * may have had, so that there are never more reigns than nodes. Those whose loss was accepted have had
 * their say: the choice is made.
 */
export function withNewReign(settings: GroupSettings, reigns: readonly Reign[], successor: string): Reign[] {
  const next = newReign(settings, successor)
  const binding = reigns.filter((reign) => !reign.lossAccepted)
  const earlierRules = binding
    .filter((reign) => reign.primary === successor)
    .flatMap((reign) => reign.rules)
    .filter((rule) => next.rules.every((other) => !sameRule(rule, other)))
  return [
    ...binding.filter((reign) => reign.primary !== successor),
    { ...next, rules: [...earlierRules, ...next.rules] },
  ]
}

/** Asks the successor on record, again if need be. */
export function promote(settings: GroupSettings, memory: GroupMemory, successor: NodeObservation): Action[] {
  const others = settings.nodes.filter((name) => name !== successor.name)
  const timeline = memory.begunTimeline ?? memory.timeline + 1
  return [...tendSlots(successor, others, []), { kind: 'promote', node: successor.name, timeline }]
}
