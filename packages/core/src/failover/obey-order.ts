import type { Reign } from './acknowledgement.js'
import { chooseSuccessor } from './choose-successor.js'
import { chooseSwitchoverTarget } from './choose-switchover-target.js'
import { condemn } from './condemn.js'
import { type Decision, decision, event, type GroupSettings, refused, undecided } from './decision.js'
import type { GroupMemory } from './group-memory.js'
import { conditionOf, type GroupObservation } from './observation.js'

/** Carries out a person's word, or says why not. */
export function obeyOrder(settings: GroupSettings, memory: GroupMemory, seen: GroupObservation): Decision {
  const order = seen.order
  if (order === null) return undecided(memory)
  if (order.kind === 'switchover') {
    const target = chooseSwitchoverTarget(settings, memory, seen, order.to)
    if (target.kind === 'refused') return refused(memory, target.reason)
    const next: GroupMemory = { ...memory, phase: 'switching-over', successor: target.node }
    const message = `Switching over from ${memory.primary} to ${target.node}: letting transactions finish.`
    return {
      ...decision(
        next,
        [{ kind: 'drain', node: memory.primary }],
        [event('switchover-started', target.node, message)],
      ),
      reply: { accepted: true },
    }
  }
  return orderFailover(settings, memory, seen, order.acceptLoss)
}

function orderFailover(
  settings: GroupSettings,
  memory: GroupMemory,
  seen: GroupObservation,
  acceptLoss: boolean,
): Decision {
  const node = seen.nodes[memory.primary]
  if (memory.phase !== 'steady' && memory.phase !== 'failing-over') {
    return refused(memory, `the group is ${memory.phase} just now`)
  }
  const succession = chooseSuccessor(settings, seen, memory.reigns, {
    notBeforeMs: 0,
    lossAccepted: acceptLoss,
    announced: memory,
    except: memory.phase === 'steady' ? memory.primary : undefined,
  })
  if (node === undefined || succession.kind !== 'promote') {
    return refused(memory, succession.kind === 'promote' ? 'the primary is not known' : succession.reason)
  }
  const accepting: GroupMemory = acceptLoss
    ? {
        ...memory,
        lossAccepted: true,
        reigns: memory.reigns.map((reign): Reign => ({ ...reign, lossAccepted: true })),
      }
    : memory
  if (memory.phase === 'failing-over') return { ...undecided(accepting), reply: { accepted: true } }
  return {
    ...condemn({ settings, memory: accepting, seen, node, condition: conditionOf(node) }),
    reply: { accepted: true },
  }
}
