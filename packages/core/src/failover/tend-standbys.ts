import { type Action, type DecisionEvent, event, type GroupSettings } from './decision.js'
import { diagnoseStandby } from './diagnose-standby.js'
import type { GroupMemory } from './group-memory.js'
import { isLetGo } from './leaving.js'
import {
  type Condition,
  conditionOf,
  type GroupObservation,
  type NodeAnswer,
  type NodeObservation,
} from './observation.js'
import { ruleFor } from './rule-for.js'
import { tendSlots } from './tend-slots.js'

/**
 * A standby that hangs harms nobody, and killing it makes an overloaded machine slower still, so it
 * gets long to come to.
 */
const HUNG_STANDBY_MS = 20_000

/** A standby that answers but receives no WAL for this long, with its primary well, is started again. */
const CUT_OFF_MS = 5000

interface Tended {
  actions: Action[]
  events: DecisionEvent[]
  /** Those that were found to have WAL of their own. */
  diverged: string[]
}

interface Situation {
  settings: GroupSettings
  memory: GroupMemory
  seen: GroupObservation
  node: NodeObservation
  /** The last answer of the primary while it writes in a steady group; null otherwise. */
  primary: NodeAnswer | null
}

/**
 * Looks after every node that is not the one the group turns on: brings it up, points it at the right
 * upstream, makes it anew when it cannot catch up. `seekHelp`: nobody may take over, so the old primary
 * is started too, as a standby, since it has every commit.
 */
export function tendStandbys(
  settings: GroupSettings,
  memory: GroupMemory,
  seen: GroupObservation,
  { seekHelp }: { seekHelp: boolean },
): Tended {
  if (memory.phase === 'forming' || memory.phase === 'switching-over') return NOTHING
  const subject = seen.nodes[memory.primary]
  const primary =
    memory.phase === 'steady' && subject !== undefined && conditionOf(subject) === 'writes'
      ? subject.answer
      : null
  const tended: Tended = { actions: [], events: [], diverged: [] }
  for (const name of settings.nodes) {
    const node = seen.nodes[name]
    if (node === undefined || node.busy !== null || isLetGo(settings, memory, name)) continue
    if (
      name === memory.successor ||
      (name === memory.primary && !(seekHelp && memory.phase === 'failing-over'))
    )
      continue
    const one = TEND[conditionOf(node)]({ settings, memory, seen, node, primary })
    tended.actions.push(...one.actions)
    tended.events.push(...one.events)
    tended.diverged.push(...one.diverged)
  }
  if (primary !== null) tended.actions.push(...tendAllSlots(settings, memory, seen))
  return tended
}

const NOTHING: Tended = { actions: [], events: [], diverged: [] }

const TEND: Readonly<Record<Condition, (situation: Situation) => Tended>> = {
  writes: () => NOTHING,
  quiet: tendSilent,
  follows: tendFollower,
  hung: tendSilent,
  stopped: ({ node }) => act({ kind: 'fence', node: node.name }),
  fenced: (situation) =>
    mayTry(situation) && situation.memory.phase !== 'promoting' ? act(start(situation)) : NOTHING,
  absent: (situation) =>
    situation.primary !== null && mayTry(situation)
      ? cloneFor(situation, 'it has no data yet', false)
      : NOTHING,
}

/**
 * A standby gives no answer before it is consistent. When the WAL it needs for that is gone it never
 * will be, and only the primary knows: its slot is lost. One that says that it replays is left alone.
 */
function tendSilent(situation: Situation): Tended {
  const { node, primary } = situation
  if (node.paused) return NOTHING
  if (primary?.lostSlots.includes(node.name) && !primary.replicas[node.name]?.streaming)
    return cloneFor(situation, 'the WAL it needs next is no longer on the primary', false)
  return node.lifelessMs < HUNG_STANDBY_MS ? NOTHING : act({ kind: 'fence', node: node.name })
}

function tendFollower(situation: Situation): Tended {
  const { settings, memory, node, primary } = situation
  const answer = node.answer as NodeAnswer
  const upstream =
    memory.phase === 'promoting' ? memory.successor : memory.phase === 'steady' ? memory.primary : null
  if (upstream !== null && answer.upstream !== upstream)
    return act({ kind: 'follow', node: node.name, upstream })
  if (primary === null || !mayTry(situation)) return NOTHING
  const diagnosis = diagnoseStandby(answer, primary)
  if (diagnosis.kind === 'well') return node.cutOffMs < CUT_OFF_MS ? NOTHING : restart(situation)
  const diverged = diagnosis.kind === 'diverged'
  // Who promotes a standby by hand may have had writes acknowledged there that no rule of ours covers.
  const mayHoldAcknowledged =
    diverged && (diagnosis.apart || settings.durability === 'fast' || memory.lossAccepted)
  const cloning = cloneFor(situation, diagnosis.reason, mayHoldAcknowledged)
  return { ...cloning, diverged: diverged ? [node.name] : [] }
}

/**
 * A standby can be after a timeline that nobody continues: it learnt of it from a successor that failed
 * before any of its WAL arrived. PostgreSQL chooses the timeline anew when it starts.
 */
function restart({ memory, node }: Situation): Tended {
  const message = `${node.name} receives nothing from ${memory.primary} though both are well: starting it again.`
  return {
    ...act({ kind: 'fence', node: node.name }),
    events: [event('standby-restarted', node.name, message)],
  }
}

function cloneFor({ memory, node }: Situation, reason: string, keep: boolean): Tended {
  const anew = node.disk !== 'absent'
  const kept = keep ? ' Its old data is kept aside, since it may hold acknowledged writes.' : ''
  return {
    actions: [{ kind: 'clone', node: node.name, from: memory.primary, reason, keep }],
    events: anew
      ? [
          {
            kind: 'standby-cloned-anew',
            node: node.name,
            message: `${node.name} cannot follow ${memory.primary} any more: ${reason}. Making it anew.${kept}`,
          },
        ]
      : [],
    diverged: [],
  }
}

function start({ settings, memory, node }: Situation): Action {
  const upstream = node.name === memory.primary ? null : memory.primary
  return { kind: 'start', node: node.name, upstream, rule: ruleFor(settings, memory, node.name) }
}

/** The primary holds a slot for each of the others; a standby holds none, or it would keep WAL for ever. */
function tendAllSlots(settings: GroupSettings, memory: GroupMemory, seen: GroupObservation): Action[] {
  // The slot of one that was let go can be dropped only once it does not run any more.
  const isDone = (name: string): boolean =>
    isLetGo(settings, memory, name) && seen.nodes[name]?.process !== 'running'
  return settings.nodes.flatMap((name): Action[] => {
    const node = seen.nodes[name]
    if (node === undefined || node.busy !== null || node.vitals !== 'answers') return []
    const others = settings.nodes.filter((other) => other !== name && !isDone(other))
    return tendSlots(node, name === memory.primary ? others : [], silentNodes(others, seen))
  })
}

/** Those that run and give no answer: what became of their slot is all that is known of them. */
function silentNodes(nodes: readonly string[], seen: GroupObservation): string[] {
  return nodes.filter((name) => {
    const node = seen.nodes[name]
    return node?.process === 'running' && node.vitals !== 'answers'
  })
}

function mayTry({ seen, node }: Situation): boolean {
  return seen.nowMs >= node.retryAtMs
}

function act(action: Action): Tended {
  return { actions: [action], events: [], diverged: [] }
}
