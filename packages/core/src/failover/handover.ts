import { beginPromotion } from './begin-promotion.js'
import { condemn } from './condemn.js'
import { type Decision, decision, event, undecided } from './decision.js'
import { conditionOf } from './observation.js'
import type { Situation } from './situation.js'

/** How long a switchover waits for its successor to have everything before it gives the primary back. */
const HANDOVER_PATIENCE_MS = 2000

/** The primary of a switchover is stopped: its successor takes over if it has everything. */
export function handover(situation: Situation): Decision {
  const { settings, memory, seen, node } = situation
  const successor = memory.successor === null ? undefined : seen.nodes[memory.successor]
  const giveBack = (reason: string): Decision =>
    decision(
      { ...memory, phase: 'steady', successor: null },
      [],
      [event('switchover-abandoned', node.name, `${reason}: the switchover is given up.`)],
    )
  if (node.disk === 'primary' && node.cleanShutdownLsn === null) return condemn(situation)
  if (successor === undefined) return giveBack('The successor is not known')
  if (node.disk === 'standby') {
    // Already fenced: the successor was found to have everything, so there is no way back but forward.
    if (conditionOf(successor) === 'follows') return beginPromotion(settings, memory, seen, successor)
    return decision({ ...memory, phase: 'failing-over', successor: null }, [])
  }
  const shutdownLsn = node.cleanShutdownLsn as number
  const hasEverything =
    conditionOf(successor) === 'follows' && successor.answer !== null && successor.answer.lsn > shutdownLsn
  if (hasEverything) return decision(memory, [{ kind: 'fence', node: node.name }])
  const gone = conditionOf(successor) !== 'follows' && conditionOf(successor) !== 'quiet'
  if (gone) return giveBack(`${successor.name} is not there to take over`)
  if (seen.phaseAgeMs > HANDOVER_PATIENCE_MS) return giveBack(`${successor.name} did not catch up in time`)
  return undecided(memory)
}
