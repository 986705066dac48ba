import { beginPromotion } from './begin-promotion.js'
import { chooseSuccessor, type Succession } from './choose-successor.js'
import { type Decision, decision } from './decision.js'
import type { GroupMemory } from './group-memory.js'
import { type GroupObservation, mayWrite } from './observation.js'
import type { Situation } from './situation.js'

/** Fences whoever could still write, then chooses among those that are allowed. */
export function elect({ settings, memory, seen }: Situation): Decision {
  const unfenced = settings.nodes.filter((name) => mayWrite(seen.nodes[name]))
  if (unfenced.length > 0)
    return decision(
      memory,
      unfenced.map((node) => ({ kind: 'fence', node })),
    )
  const succession: Succession = chooseSuccessor(settings, seen, memory.reigns, {
    notBeforeMs: lastWriteMs(memory, seen),
    lossAccepted: false,
    announced: memory,
  })
  if (succession.kind === 'later') return decision(memory, [])
  if (succession.kind === 'none') return { ...decision(memory, []), blocked: succession.reason }
  const successor = seen.nodes[succession.node]
  return successor === undefined ? decision(memory, []) : beginPromotion(settings, memory, seen, successor)
}

/**
 * The last moment at which a node that reigned may have acknowledged something. Answers from before it
 * show too little, also when that node is back as a standby by now.
 */
function lastWriteMs(memory: GroupMemory, seen: GroupObservation): number {
  const reigned = [memory.primary, ...memory.reigns.map((reign) => reign.primary)]
  return Math.max(0, ...reigned.map((name) => seen.nodes[name]?.lastStoppedAtMs ?? 0))
}
