import { type Lag, lagOf, withSample } from '../lag.js'
import type { Lsn } from '../lsn.js'
import {
  type GroupEvent,
  type GroupLimits,
  type GroupView,
  LAGS,
  type NodeView,
  type Probe,
} from './group-view.js'

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
    const { systemIdentifier, askedAtMs } = answer
    const node: NodeView = { ...before, state: 'out', role: null, why: foreign, systemIdentifier, askedAtMs }
    const primary = group.primary === node.name ? null : group.primary
    return { group: { ...withNode(group, node), primary }, events: stateEvents(before, node) }
  }
  const known = inItsCluster(group, answer)
  return answer.recovery ? withStandby(known, before, answer, limits) : withPrimary(known, before, answer)
}

/** Data of another cluster must never be mixed in. Only when every node has gone over to it is it ours. */
function whyForeign(group: GroupView, answer: Answer): string | null {
  const ours = group.systemIdentifier
  if (ours === null || answer.systemIdentifier === null || answer.systemIdentifier === ours) return null
  const others = Object.values(group.nodes).filter((node) => node.name !== answer.node)
  if (others.every((node) => node.systemIdentifier === answer.systemIdentifier)) return null
  return `it belongs to another cluster: its system identifier is ${answer.systemIdentifier}, that of the others ${ours}`
}

/** Of a cluster that has taken the place of another nothing is known: its timelines begin anew. */
function inItsCluster(group: GroupView, answer: Answer): GroupView {
  const systemIdentifier = answer.systemIdentifier ?? group.systemIdentifier
  const replaced = group.systemIdentifier !== null && systemIdentifier !== group.systemIdentifier
  return replaced
    ? { ...group, systemIdentifier, primary: null, timeline: 0, samples: [] }
    : { ...group, systemIdentifier }
}

/** What is wrong when nodes of different clusters were named together; null when they were not. */
export function whyMixed(group: GroupView): string | null {
  const nodes = Object.values(group.nodes).filter((node) => node.systemIdentifier !== null)
  if (new Set(nodes.map((node) => node.systemIdentifier)).size < 2) return null
  const each = nodes.map((node) => `${node.name} has ${node.systemIdentifier}`)
  return `The nodes belong to different clusters, by their system identifiers: ${each.join(', ')}.`
}

/** The node may have started again since it was asked: what it had replayed it may have to replay once more. */
export function forgetPosition(group: GroupView, name: string): GroupView {
  const node = group.nodes[name]
  return node === undefined ? group : withNode(group, { ...node, lsn: 0 })
}

/** A standby was heard to have replayed this far, between probes. */
export function noteReplay(group: GroupView, name: string, lsn: Lsn): GroupView {
  const node = group.nodes[name]
  // After `forgetPosition` only a probe may say it: what is heard may come from before.
  if (node === undefined || node.role !== 'standby' || node.lsn === 0 || lsn <= node.lsn) return group
  return withNode(group, { ...node, lsn })
}

function withPrimary(group: GroupView, before: NodeView, answer: Answer): Observed {
  const node: NodeView = {
    ...before,
    state: 'in',
    role: 'primary',
    why: null,
    timeline: answer.timeline,
    systemIdentifier: answer.systemIdentifier,
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
  const loser: NodeView | undefined = rival && {
    ...rival,
    state: 'out',
    why: `it was primary on timeline ${rival.timeline}, which timeline ${answer.timeline} has superseded`,
  }
  const superseded = loser === undefined ? taken : withNode(taken, loser)
  const changed = group.primary !== node.name
  const samples = changed || answer.timeline !== group.timeline ? [] : group.samples
  return {
    group: {
      ...superseded,
      primary: node.name,
      timeline: answer.timeline,
      samples: withSample(samples, { atMs: answer.askedAtMs, lsn: answer.lsn }),
    },
    events: [
      ...(rival !== undefined && loser !== undefined ? stateEvents(rival, loser) : []),
      ...stateEvents(before, node),
      ...failoverEvents(group, node),
    ],
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
  const lag = lagAsFarAsKnown(group, answer)
  const limitMs = before.why === LAGS ? limits.maxLagMs / 2 : limits.maxLagMs
  const lags = lag !== null && lag.ms > limitMs
  const node: NodeView = {
    ...before,
    state: lags ? 'out' : 'in',
    role: 'standby',
    why: lags ? LAGS : null,
    timeline: answer.timeline,
    systemIdentifier: answer.systemIdentifier,
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

/** While there is no primary nobody falls further behind: what it wrote last may never have been sent. */
function lagAsFarAsKnown({ primary, samples }: GroupView, answer: Answer): Lag | null {
  const last = samples.at(-1)
  if (last === undefined) return null
  const stands = primary === null || primary === answer.node
  return lagOf(samples, answer.lsn, stands ? Math.min(answer.askedAtMs, last.atMs) : answer.askedAtMs)
}

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
