import { type Reign, sameRule } from './acknowledgement.js'
import { chooseSuccessor, isAstray, type Succession } from './choose-successor.js'
import { chooseSwitchoverTarget } from './choose-switchover-target.js'
import type { Action, Decision, DecisionEvent, EventKind, GroupSettings } from './decision.js'
import type { GroupMemory } from './group-memory.js'
import {
  type Condition,
  conditionOf,
  type GroupObservation,
  type NodeAnswer,
  type NodeObservation,
} from './observation.js'
import { newReign, ruleFor } from './rule-for.js'
import { STEPS, type Step } from './steps.js'
import { tendAcknowledgement } from './tend-acknowledgement.js'
import { tendSlots } from './tend-slots.js'
import { tendStandbys } from './tend-standbys.js'

/** How long a switchover waits for its successor to have everything before it gives the primary back. */
const HANDOVER_PATIENCE_MS = 2000
/** Starts of the primary that may fail before a successor is sought at any price the durability allows. */
const REVIVALS = 3

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

/** The node on whose condition the next step depends. */
export function subjectOf(memory: GroupMemory): string {
  return memory.phase === 'promoting' && memory.successor !== null ? memory.successor : memory.primary
}

interface Situation {
  settings: GroupSettings
  memory: GroupMemory
  seen: GroupObservation
  /** The subject. */
  node: NodeObservation
  condition: Condition
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
  promote: ({ settings, memory, node }) => decision(memory, promote(settings, node)),
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

function withAstray(memory: GroupMemory, names: readonly string[]): GroupMemory {
  const known = memory.astray ?? []
  const added = names.filter((name) => !known.includes(name))
  return added.length === 0 ? memory : { ...memory, astray: [...known, ...added] }
}

/** By its own word, which is that of the process that runs now; the primary may not have noticed its end. */
function isBack(node: NodeObservation | undefined, { primary, timeline }: GroupMemory): boolean {
  if (node === undefined || node.answer === null || conditionOf(node) !== 'follows') return false
  const { answer } = node
  return answer.streaming && answer.upstream === primary && answer.timeline === timeline
}

function withoutAstray(memory: GroupMemory, isBack: (name: string) => boolean): GroupMemory {
  const { astray, ...rest } = memory
  const left = astray?.filter((name) => !isBack(name)) ?? []
  if (left.length === (astray?.length ?? 0)) return memory
  return left.length === 0 ? rest : { ...rest, astray: left }
}

/** Once every node streams again, nothing of before the accepted loss is left to be kept. */
function forgetLoss(settings: GroupSettings, memory: GroupMemory, primary: NodeAnswer): GroupMemory {
  if (!memory.lossAccepted) return memory
  const others = settings.nodes.filter((name) => name !== memory.primary)
  const allStream = others.every((name) => primary.replicas[name]?.streaming)
  return allStream ? { ...memory, lossAccepted: false } : memory
}

function announce({ settings, memory, node }: Situation): Decision {
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

function replace(situation: Situation): Decision {
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
  const message = `${node.name} is not running and no standby may take over yet: starting it again in place.`
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

function condemn({ memory, node, condition }: Situation): Decision {
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

function elect({ settings, memory, seen }: Situation): Decision {
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
  return beginPromotion(settings, memory, seen, succession.node)
}

/** Who was promoted by someone else: noted at once, since after an attempt of ours it cannot be told any more. */
function namesAstray(settings: GroupSettings, memory: GroupMemory, seen: GroupObservation): string[] {
  const reigned = new Set([memory.primary, memory.successor, ...memory.reigns.map((reign) => reign.primary)])
  return settings.nodes.filter((name) => {
    const node = seen.nodes[name]
    if (node === undefined) return false
    const writesApart = mayWrite(node) && node.busy === null && !reigned.has(name)
    return writesApart || isAstray(node, memory.reigns, memory)
  })
}

/**
 * The last moment at which a node that reigned may have acknowledged something. Answers from before it
 * show too little, also when that node is back as a standby by now.
 */
function lastWriteMs(memory: GroupMemory, seen: GroupObservation): number {
  const reigned = [memory.primary, ...memory.reigns.map((reign) => reign.primary)]
  return Math.max(0, ...reigned.map((name) => seen.nodes[name]?.lastStoppedAtMs ?? 0))
}

/**
 * Whether this node could accept a write now or when it is next started. PostgreSQL removes
 * `standby.signal` before it leaves recovery, so a server that runs with the file there cannot.
 */
function mayWrite(node: NodeObservation | undefined): boolean {
  if (node === undefined || node.disk === 'absent') return false
  return node.disk === 'primary'
}

function beginPromotion(
  settings: GroupSettings,
  memory: GroupMemory,
  seen: GroupObservation,
  successor: string,
): Decision {
  const promoting: GroupMemory = {
    ...withoutAstray(memory, (name) => name === successor),
    phase: 'promoting',
    successor,
    reigns: withNewReign(settings, memory.reigns, successor),
  }
  const followers = settings.nodes.filter((name) => {
    const node = seen.nodes[name]
    return name !== successor && node !== undefined && conditionOf(node) === 'follows' && node.busy === null
  })
  return decision(promoting, [
    ...(seen.nodes[successor] === undefined ? [] : promote(settings, seen.nodes[successor])),
    ...followers.map((node): Action => ({ kind: 'follow', node, upstream: successor })),
  ])
}

/**
 * Adds the reign that begins with this promotion. A node chosen again has one reign, under every rule it
 * may have had, so that there are never more reigns than nodes. Those whose loss was accepted have had
 * their say: the choice is made.
 */
function withNewReign(settings: GroupSettings, reigns: readonly Reign[], successor: string): Reign[] {
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

function promote(settings: GroupSettings, successor: NodeObservation): Action[] {
  const others = settings.nodes.filter((name) => name !== successor.name)
  return [...tendSlots(successor, others), { kind: 'promote', node: successor.name }]
}

function handover(situation: Situation): Decision {
  const { settings, memory, seen, node } = situation
  const successor = memory.successor === null ? undefined : seen.nodes[memory.successor]
  const giveBack = (reason: string): Decision =>
    decision(
      { ...memory, phase: 'steady', successor: null },
      [],
      [event('switchover-abandoned', node.name, `${reason}; ${node.name} stays primary.`)],
    )
  if (node.disk === 'primary' && node.cleanShutdownLsn === null) return condemn(situation)
  if (successor === undefined) return giveBack('The successor is not known')
  if (node.disk === 'standby') {
    // Already fenced: the successor was found to have everything, so there is no way back but forward.
    if (conditionOf(successor) === 'follows') return beginPromotion(settings, memory, seen, successor.name)
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

/** Another node than the expected one accepts writes. */
function settleRivals(settings: GroupSettings, memory: GroupMemory, seen: GroupObservation): Decision | null {
  const subject = subjectOf(memory)
  const rivals = settings.nodes
    .map((name) => seen.nodes[name])
    .filter((node) => node !== undefined)
    .filter((node) => node.name !== subject && conditionOf(node) === 'writes' && node.busy !== 'fence')
  const first = rivals[0]
  if (first === undefined) return null
  const expected = seen.nodes[subject]
  const mayAdopt =
    rivals.length === 1 &&
    memory.phase === 'steady' &&
    expected !== undefined &&
    expected.process === 'stopped' &&
    (expected.busy === null || expected.busy === 'fence') &&
    (first.answer?.timeline ?? 0) > memory.timeline
  if (mayAdopt && expected.disk === 'primary') return decision(memory, [{ kind: 'fence', node: subject }])
  if (mayAdopt && expected.busy === null) {
    const adopting: GroupMemory = {
      ...withoutAstray(memory, (name) => name === first.name),
      phase: 'promoting',
      successor: first.name,
      reigns: withNewReign(settings, memory.reigns, first.name),
      // Nothing tells what the old primary acknowledged after this one went its own way.
      lossAccepted: true,
    }
    const message = `${first.name} was promoted by someone else while ${subject} was stopped: taking it as the primary.`
    return decision(adopting, [], [event('rival-adopted', first.name, message)])
  }
  return decision(
    withAstray(
      memory,
      rivals.map((node) => node.name),
    ),
    rivals.map((node) => ({ kind: 'fence', node: node.name })),
    rivals.map((node) =>
      event(
        'rival-fenced',
        node.name,
        `${node.name} accepted writes although ${subject} is the primary: it was killed.`,
      ),
    ),
  )
}

function obeyOrder(settings: GroupSettings, memory: GroupMemory, seen: GroupObservation): Decision {
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

function revive(
  settings: GroupSettings,
  memory: GroupMemory,
  seen: GroupObservation,
  node: NodeObservation,
): Action[] {
  if (node.process === 'running' || seen.nowMs < node.retryAtMs) return []
  return [{ kind: 'start', node: node.name, upstream: null, rule: ruleFor(settings, memory, node.name) }]
}

function withoutDoubles(taken: readonly Action[], more: readonly Action[]): Action[] {
  const key = (action: Action): string => `${action.kind} ${action.node}`
  const known = new Set(taken.map(key))
  return more.filter((action) => !known.has(key(action)))
}

function event(kind: EventKind, node: string, message: string): DecisionEvent {
  return { kind, node, message }
}

function decision(
  memory: GroupMemory,
  actions: readonly Action[],
  events: readonly DecisionEvent[] = [],
): Decision {
  return { memory, actions, events, reply: null, blocked: null }
}

function undecided(memory: GroupMemory): Decision {
  return decision(memory, [])
}

function refused(memory: GroupMemory, reason: string): Decision {
  return { ...undecided(memory), reply: { accepted: false, reason } }
}
