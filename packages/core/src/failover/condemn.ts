import { chooseSuccessor } from './choose-successor.js'
import { type Decision, decision, type EventKind, event } from './decision.js'
import type { Condition, NodeObservation } from './observation.js'
import { revive } from './revive.js'
import type { Situation } from './situation.js'

/** Starts of the primary that may fail before a successor is sought at any price the durability allows. */
const REVIVALS = 3

/**
 * The primary does not serve: it is condemned if a successor may take over, else started again in place,
 * which loses nothing; one that hangs is then waited for.
 */
export function replace(situation: Situation): Decision {
  const { settings, memory, seen, node, condition } = situation
  const succession = chooseSuccessor(settings, seen, memory.reigns, {
    notBeforeMs: 0,
    lossAccepted: false,
    announced: memory,
    except: memory.primary,
  })
  if (succession.kind === 'promote') return condemn(situation)
  if (condition === 'hung') return { ...decision(memory, []), blocked: succession.reason }
  if (node.failures >= REVIVALS) return { ...condemn(situation), blocked: succession.reason }
  const actions = revive(settings, memory, seen, node)
  const message =
    node.cleanShutdownLsn === null
      ? `${node.name} is not running and no standby may take over yet: starting it again in place.`
      : `Starting ${node.name}, the primary it was when it was stopped.`
  return decision(memory, actions, actions.length > 0 ? [event('primary-revived', node.name, message)] : [])
}

const WHY_CONDEMNED: Readonly<Record<Condition, readonly [EventKind, string]>> = {
  writes: ['failover-started', 'was set aside by order'],
  follows: ['primary-demoted', 'answers as a standby'],
  quiet: ['primary-hung', 'does not answer'],
  hung: ['primary-hung', 'runs but has stopped answering'],
  stopped: ['primary-exited', 'exited'],
  fenced: ['primary-exited', 'exited'],
  absent: ['primary-exited', 'has lost its data directory'],
}

/** From here on the primary is not primary any more, whatever becomes of it: it is fenced. */
export function condemn({ memory, node, condition }: Situation): Decision {
  const [kind, what] = WHY_CONDEMNED[condition]
  const events = [
    event(kind, node.name, `The primary ${node.name} ${what}${silence(node)}.`),
    ...(kind === 'failover-started'
      ? []
      : [event('failover-started', node.name, `Fencing ${node.name}; a standby takes over.`)]),
  ]
  const needsFence = node.process === 'running' || node.disk === 'primary'
  return decision(
    { ...memory, phase: 'failing-over', successor: null },
    needsFence ? [{ kind: 'fence', node: node.name }] : [],
    events,
  )
}

function silence(node: NodeObservation): string {
  return node.process === 'running' && node.silentMs > 0 ? ` (for ${Math.round(node.silentMs)} ms)` : ''
}
