import { announce } from './announce.js'
import { isBack, namesAstray, withAstray, withoutAstray } from './astray.js'
import { promote } from './begin-promotion.js'
import { condemn, replace } from './condemn.js'
import { type Action, type Decision, decision, event, type GroupSettings, undecided } from './decision.js'
import { elect } from './elect.js'
import { type GroupMemory, subjectOf } from './group-memory.js'
import { handover } from './handover.js'
import { obeyOrder } from './obey-order.js'
import { conditionOf, type GroupObservation, type NodeAnswer } from './observation.js'
import { revive } from './revive.js'
import { settleRivals } from './settle-rivals.js'
import type { Situation } from './situation.js'
import { STEPS, type Step } from './steps.js'
import { tendAcknowledgement } from './tend-acknowledgement.js'
import { tendStandbys } from './tend-standbys.js'

/**
 * The whole decision about one group: what it is now, what it was meant to be, what to do next.
 *
 * Pure and level-triggered: the same memory and observation give the same decision, so it does not
 * matter what a supervisor that died had understood, only what it had written down.
 */
export function decideGroup(settings: GroupSettings, memory: GroupMemory, seen: GroupObservation): Decision {
  const known = withAstray(memory, namesAstray(settings, memory, seen))
  const ordered = seen.order === null ? undecided(known) : obeyOrder(settings, known, seen)
  if (ordered.actions.length > 0) return ordered
  const rivals = settleRivals(settings, ordered.memory, seen)
  if (rivals !== null) return { ...rivals, reply: ordered.reply }
  const subject = subjectOf(ordered.memory)
  const node = seen.nodes[subject]
  if (node === undefined) return { ...ordered, blocked: `${subject} is not a node of this group` }
  const condition = conditionOf(node)
  const step = STEPS[ordered.memory.phase][condition]
  const decided =
    node.busy !== null && step !== 'announce' && step !== 'tend' && step !== 'elect'
      ? undecided(ordered.memory)
      : TAKE[step]({ settings, memory: ordered.memory, seen, node, condition })
  const standbys = tendStandbys(settings, decided.memory, seen, { seekHelp: decided.blocked !== null })
  return {
    ...decided,
    memory: withAstray(decided.memory, standbys.diverged),
    actions: [...decided.actions, ...withoutDoubles(decided.actions, standbys.actions)],
    events: [...ordered.events, ...decided.events, ...standbys.events],
    reply: ordered.reply,
  }
}

const TAKE: Readonly<Record<Step, (situation: Situation) => Decision>> = {
  wait: ({ memory }) => undecided(memory),
  tend: ({ settings, memory, seen, node }) => {
    if (node.answer === null) return undecided(memory)
    const { timeline, history } = node.answer
    const current = { ...memory, timeline, history }
    const tended = tendAcknowledgement(settings, current, seen, node.answer)
    const next = withoutAstray(tended.memory, (name) => isBack(seen.nodes[name], current))
    return decision(forgetLoss(settings, next, node.answer), tended.actions, tended.events)
  },
  create: ({ memory, seen, node }) =>
    decision(memory, seen.nowMs < node.retryAtMs ? [] : [{ kind: 'create', node: node.name }]),
  revive: ({ settings, memory, seen, node }) => decision(memory, revive(settings, memory, seen, node)),
  announce,
  replace,
  condemn,
  fence: ({ memory, node }) => decision(memory, [{ kind: 'fence', node: node.name }]),
  elect,
  promote: ({ settings, memory, node }) => decision(memory, promote(settings, memory, node)),
  abandon: ({ memory, node }) =>
    decision(
      { ...memory, phase: 'failing-over', successor: null },
      [],
      [
        event(
          'successor-lost',
          node.name,
          `${node.name} failed while it was being promoted; choosing again.`,
        ),
      ],
    ),
  drain: ({ memory, node }) => decision(memory, [{ kind: 'drain', node: node.name }]),
  handover,
}

/** Once every node streams again, nothing of before the accepted loss is left to be kept. */
function forgetLoss(settings: GroupSettings, memory: GroupMemory, primary: NodeAnswer): GroupMemory {
  if (!memory.lossAccepted) return memory
  const others = settings.nodes.filter((name) => name !== memory.primary)
  const allStream = others.every((name) => primary.replicas[name]?.streaming)
  return allStream ? { ...memory, lossAccepted: false } : memory
}

function withoutDoubles(taken: readonly Action[], more: readonly Action[]): Action[] {
  const key = (action: Action): string => `${action.kind} ${action.node}`
  const known = new Set(taken.map(key))
  return more.filter((action) => !known.has(key(action)))
}
