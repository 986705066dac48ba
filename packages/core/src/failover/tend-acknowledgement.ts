import { type AckRule, ALONE, type Reign, ruleOver, sameRule } from './acknowledgement.js'
import type { Action, DecisionEvent, GroupSettings } from './decision.js'
import type { GroupMemory } from './group-memory.js'
import { isLeaving } from './leaving.js'
import type { GroupObservation, NodeAnswer } from './observation.js'

/** How long the last standby may be away before `withoutStandby: continue` lets the primary go on alone. */
const ALONE_AFTER_MS = 2000

interface Tended {
  memory: GroupMemory
  actions: Action[]
  events: DecisionEvent[]
}

/**
 * Keeps the rule of acknowledgement in step with the standbys that stream.
 *
 * A change takes three decisions, each of which can be the last one a supervisor makes: the new rule
 * is put on record beside the old one; it is put in force; and when enough of its members have
 * flushed all that was written before it was in force, the old one lapses. Until then it stays on
 * record, also beside a third one.
 */
export function tendAcknowledgement(
  settings: GroupSettings,
  memory: GroupMemory,
  seen: GroupObservation,
  primary: NodeAnswer,
): Tended {
  const reign = memory.reigns.at(-1)
  if (reign === undefined) return { memory, actions: [], events: [] }
  const rule = reign.rules.at(-1) as AckRule
  if (!sameRule(primary.rule, rule)) {
    return { memory, actions: [{ kind: 'acknowledge', node: memory.primary, rule }], events: [] }
  }
  const wanted = wantedRule(settings, memory, seen, primary, rule)
  if (sameRule(wanted, rule)) {
    const settled = memory.reigns.length === 1 && reign.rules.length === 1
    return { memory: settled ? memory : settle(memory, reign, rule, primary), actions: [], events: [] }
  }
  // Not only once the last change is settled: those it waits for may never come back.
  const rules = [...reign.rules.filter((earlier) => !sameRule(earlier, wanted)), wanted]
  return {
    memory: withReign(memory, { ...reign, rules, settleLsn: null }),
    actions: [{ kind: 'acknowledge', node: memory.primary, rule: wanted }],
    events: [{ kind: 'acknowledgement-changed', node: memory.primary, message: describeChange(wanted) }],
  }
}

function wantedRule(
  settings: GroupSettings,
  memory: GroupMemory,
  seen: GroupObservation,
  primary: NodeAnswer,
  current: AckRule,
): AckRule {
  if (settings.durability === 'fast') return ALONE
  const standbys = settings.nodes.filter((name) => name !== memory.primary && !isLeaving(settings, name))
  const streaming = standbys.filter(
    (name) => primary.replicas[name]?.streaming && seen.nodes[name]?.vitals !== 'hung',
  )
  if (streaming.length > 0) return ruleOver(streaming)
  if (settings.withoutStandby === 'wait') return current
  const awayMs = Math.min(seen.phaseAgeMs, ...standbys.map((name) => standbyAwayMs(seen, name)))
  return awayMs >= ALONE_AFTER_MS ? ALONE : current
}

function standbyAwayMs(seen: GroupObservation, name: string): number {
  const node = seen.nodes[name]
  if (node === undefined || node.disk === 'absent') return Number.POSITIVE_INFINITY
  if (node.stoppedAtMs !== null) return seen.nowMs - node.stoppedAtMs
  return node.silentMs
}

function settle(memory: GroupMemory, reign: Reign, rule: AckRule, primary: NodeAnswer): GroupMemory {
  if (reign.settleLsn === null) return withReign(memory, { ...reign, settleLsn: primary.lsn })
  const settleLsn = reign.settleLsn
  const holding = rule.members.filter((name) => (primary.replicas[name]?.flushLsn ?? 0) >= settleLsn)
  if (holding.length < rule.count) return memory
  return { ...memory, reigns: [{ ...reign, rules: [rule], settleLsn: null }] }
}

function withReign(memory: GroupMemory, reign: Reign): GroupMemory {
  return { ...memory, reigns: [...memory.reigns.slice(0, -1), reign] }
}

function describeChange(rule: AckRule): string {
  if (rule.count === 0) {
    return 'No standby is left: the primary acknowledges alone (withoutStandby: continue). Losing it now loses writes.'
  }
  return `A commit is now acknowledged once ${rule.count} of ${rule.members.join(', ')} has it on disk.`
}
