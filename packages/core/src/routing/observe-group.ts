import { lagOf, withSample } from '../lag.js'
import type { GroupEvent, GroupLimits, GroupView, NodeView, Probe } from './group-view.js'

type Answer = Extract<Probe, { kind: 'answer' }>

/** A probe folded in: the group as it is now, and what has changed. */
export interface Observed {
  readonly group: GroupView
  readonly events: readonly GroupEvent[]
}

/**
 * Folds one probe into what is known of a group.
 *
 * Of several nodes that say they are primary the one on the higher timeline is: a timeline is begun by a
 * promotion, so the others have been superseded (PostgreSQL documentation, "Timelines"). On the same
 * timeline, which only copied data directories bring about, the one known before stays.
 */
export function observeGroup(group: GroupView, probe: Probe, limits: GroupLimits): Observed {
  const before = group.nodes[probe.node]
  // Answers may overtake each other; an older one tells nothing new.
  if (before === undefined || probe.askedAtMs < before.askedAtMs) return { group, events: [] }
  return probe.kind === 'failure'
    ? withFailure(group, before, probe)
    : withAnswer(group, before, probe, limits)
}

function withFailure(
  group: GroupView,
  before: NodeView,
  probe: Extract<Probe, { kind: 'failure' }>,
): Observed {
  const node: NodeView = { ...before, state: 'out', why: probe.why, askedAtMs: probe.askedAtMs }
  const primary = group.primary === node.name ? null : group.primary
  return { group: { ...withNode(group, node), primary }, events: stateEvents(before, node) }
}

function withAnswer(group: GroupView, before: NodeView, answer: Answer, limits: GroupLimits): Observed {
  const foreign = whyForeign(group, answer)
  if (foreign !== null) {
    const node: NodeView = { ...before, state: 'out', role: null, why: foreign, askedAtMs: answer.askedAtMs }
    const primary = group.primary === node.name ? null : group.primary
    return { group: { ...withNode(group, node), primary }, events: stateEvents(before, node) }
  }
  const known = { ...group, systemIdentifier: answer.systemIdentifier ?? group.systemIdentifier }
  return answer.recovery ? withStandby(known, before, answer, limits) : withPrimary(known, before, answer)
}

/** Data of another cluster must never be mixed in. Only when none of ours is left may that one be ours. */
function whyForeign(group: GroupView, answer: Answer): string | null {
  const ours = group.systemIdentifier
  if (ours === null || answer.systemIdentifier === null || answer.systemIdentifier === ours) return null
  const others = Object.values(group.nodes).filter((node) => node.name !== answer.node)
  if (others.length === 0 || others.every((node) => node.state === 'out')) return null
  return `it belongs to another cluster: its system identifier is ${answer.systemIdentifier}, that of the others ${ours}`
}

function withPrimary(group: GroupView, before: NodeView, answer: Answer): Observed {
  const node: NodeView = {
    ...before,
    state: 'in',
    role: 'primary',
    why: null,
    timeline: answer.timeline,
    lsn: answer.lsn,
    askedAtMs: answer.askedAtMs,
    lagMs: null,
    lagBytes: null,
  }
  const rival = group.primary === null || group.primary === node.name ? undefined : group.nodes[group.primary]
  if (answer.timeline < group.timeline || (rival !== undefined && answer.timeline === rival.timeline)) {
    const why =
      rival !== undefined && answer.timeline === rival.timeline
        ? `it says that it is primary, and so does ${rival.name} on the same timeline ${rival.timeline}`
        : `it says that it is primary on timeline ${answer.timeline}, which timeline ${group.timeline} has superseded`
    const out: NodeView = { ...node, state: 'out', why }
    const fresh = before.why !== why
    return {
      group: withNode(group, out),
      events: [
        ...(fresh ? [event('rival-primary', node.name, `${node.name} is left out: ${why}.`)] : []),
        ...stateEvents(before, out),
      ],
    }
  }
  const taken = withNode(group, node)
  const superseded =
    rival === undefined
      ? taken
      : withNode(taken, {
          ...rival,
          state: 'out',
          why: `it was primary on timeline ${rival.timeline}, which timeline ${answer.timeline} has superseded`,
        })
  const changed = group.primary !== node.name
  const samples = changed || answer.timeline !== group.timeline ? [] : group.samples
  return {
    group: {
      ...superseded,
      primary: node.name,
      timeline: answer.timeline,
      samples: withSample(samples, { atMs: answer.askedAtMs, lsn: answer.lsn }),
    },
    events: [...stateEvents(before, node), ...failoverEvents(group, node)],
  }
}

function failoverEvents(group: GroupView, node: NodeView): GroupEvent[] {
  // The first primary that is seen took over from nobody; one that is back on its timeline was only away.
  if (group.primary === node.name || group.timeline === 0 || group.timeline === node.timeline) return []
  const from = Object.values(group.nodes).find(
    (other) => other.name !== node.name && other.timeline === group.timeline && other.role === 'primary',
  )
  return [
    {
      kind: 'failover',
      node: node.name,
      from: from?.name ?? null,
      message: `${node.name} is primary now, on timeline ${node.timeline}.`,
    },
  ]
}

function withStandby(group: GroupView, before: NodeView, answer: Answer, limits: GroupLimits): Observed {
  const lag = group.samples.length === 0 ? null : lagOf(group.samples, answer.lsn, answer.askedAtMs)
  const limitMs = before.why === LAGS ? limits.maxLagMs / 2 : limits.maxLagMs
  const lags = lag !== null && lag.ms > limitMs
  const node: NodeView = {
    ...before,
    state: lags ? 'out' : 'in',
    role: 'standby',
    why: lags ? LAGS : null,
    timeline: answer.timeline,
    lsn: answer.lsn,
    askedAtMs: answer.askedAtMs,
    lagMs: lag?.ms ?? null,
    lagBytes: lag?.bytes ?? null,
  }
  const primary = group.primary === node.name ? null : group.primary
  const told =
    lags && before.why !== LAGS
      ? [event('lag', node.name, `${node.name} is ${lag.ms} ms behind and gets no reads.`)]
      : []
  return { group: { ...withNode(group, node), primary }, events: [...told, ...stateEvents(before, node)] }
}

const LAGS = 'it lags too far behind'

function stateEvents(before: NodeView, after: NodeView): GroupEvent[] {
  if (after.state === 'out' && before.state !== 'out')
    return [event('node-out', after.name, `${after.name} is left out: ${after.why}.`)]
  if (after.state === 'in' && before.state === 'out')
    return [event('node-back', after.name, `${after.name} is back.`)]
  return []
}

function event(kind: GroupEvent['kind'], node: string, message: string): GroupEvent {
  return { kind, node, message }
}

function withNode(group: GroupView, node: NodeView): GroupView {
  return { ...group, nodes: { ...group.nodes, [node.name]: node } }
}
