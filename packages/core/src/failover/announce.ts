import type { Reign } from './acknowledgement.js'
import { type Decision, decision, event } from './decision.js'
import type { GroupMemory } from './group-memory.js'
import { newReign } from './rule-for.js'
import type { Situation } from './situation.js'

/** The expected node writes: it is the primary, under a new epoch. */
export function announce({ settings, memory, node }: Situation): Decision {
  const timeline = node.answer?.timeline ?? memory.timeline
  const epoch = memory.epoch + 1
  const reigns = memory.phase === 'forming' ? [newReign(settings, node.name)] : memory.reigns
  const current = reigns.at(-1) as Reign
  const announced: GroupMemory = {
    ...memory,
    phase: 'steady',
    epoch,
    primary: node.name,
    timeline,
    history: node.answer?.history ?? {},
    successor: null,
    reigns: [...reigns.slice(0, -1), { ...current, announced: true }],
  }
  const told =
    memory.phase === 'forming'
      ? event('group-formed', node.name, `${node.name} is the primary of ${settings.name} (epoch ${epoch}).`)
      : event(
          'failover-finished',
          node.name,
          `${node.name} is the primary now (epoch ${epoch}, timeline ${timeline}).`,
        )
  return decision(announced, [], [told])
}
