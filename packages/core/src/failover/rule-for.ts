import { type AckRule, type Reign, ruleOver } from './acknowledgement.js'
import type { GroupSettings } from './decision.js'
import type { GroupMemory } from './group-memory.js'
import { isLeaving } from './leaving.js'

/**
 * The reign that begins when `primary` is promoted: every node has this rule in its settings before it
 * may become primary, so that there is no moment in which it acknowledges alone.
 */
export function newReign(settings: GroupSettings, primary: string): Reign {
  const others = settings.nodes.filter((name) => name !== primary && !isLeaving(settings, name))
  return { primary, rules: [ruleOver(settings.durability === 'fast' ? [] : others)], settleLsn: null }
}

/** The rule a node starts under: what is on record for the primary, that of a new reign for anyone else. */
export function ruleFor(settings: GroupSettings, memory: GroupMemory, name: string): AckRule {
  const reign =
    name === memory.primary ? memory.reigns.findLast((candidate) => candidate.primary === name) : undefined
  return (reign ?? newReign(settings, name)).rules.at(-1) as AckRule
}
