import type { Lsn } from '../lsn.js'

/** What one probe of a node brought. */
export type Probe =
  | {
      kind: 'answer'
      node: string
      /** When it was asked, on the observer's monotonic clock. */
      askedAtMs: number
      recovery: boolean
      /** Of the whole cluster; null where the server does not tell it. */
      systemIdentifier: string | null
      timeline: number
      /** Primary: end of WAL flushed. Standby: replayed so far. */
      lsn: Lsn
    }
  | { kind: 'failure'; node: string; askedAtMs: number; why: string }

/** One node as a router sees it. */
export interface NodeView {
  readonly name: string
  /** `unknown` until its first probe; `out`: nothing is sent to it, `why` says why. */
  readonly state: 'unknown' | 'in' | 'out'
  readonly role: 'primary' | 'standby' | null
  readonly why: string | null
  readonly timeline: number
  /** Of the cluster its data belongs to, as it said last; null while it has not said. */
  readonly systemIdentifier: string | null
  /** The furthest it is known to be: written (primary) or replayed (standby). */
  readonly lsn: Lsn
  readonly askedAtMs: number
  /** Standby: how long the oldest WAL that it has not replayed has been waiting; null when not known. */
  readonly lagMs: number | null
  readonly lagBytes: number | null
}

/** Where the primary's WAL ended at one moment. */
export interface PrimarySample {
  readonly atMs: number
  readonly lsn: Lsn
}

/** A group of nodes that hold the same data, as a router sees it. */
export interface GroupView {
  readonly name: string
  readonly nodes: Readonly<Record<string, NodeView>>
  /** The node that takes writes, as far as is known; null when none is. */
  readonly primary: string | null
  /** The timeline of the last primary: a primary of an earlier one has been superseded. */
  readonly timeline: number
  readonly systemIdentifier: string | null
  /** Newest last; what staleness is reckoned by. */
  readonly samples: readonly PrimarySample[]
}

export interface GroupLimits {
  /** A standby that is behind by more is left out until it has caught up to half of this. */
  readonly maxLagMs: number
}

/** Something a person may want to know, with the node it is about. */
export interface GroupEvent {
  readonly kind: 'failover' | 'node-out' | 'node-back' | 'lag' | 'rival-primary'
  readonly node: string
  /** `failover`: the primary before, if there was one. */
  readonly from?: string | null
  readonly message: string
}

/** Why a standby that is merely too far behind is left out. */
export const LAGS = 'it lags too far behind'

/** A group of which nothing is known yet. */
export function unseenGroup(name: string, nodes: readonly string[]): GroupView {
  return {
    name,
    nodes: Object.fromEntries(nodes.map((node) => [node, unseenNode(node)])),
    primary: null,
    timeline: 0,
    systemIdentifier: null,
    samples: [],
  }
}

/** The same group when nodes came or went: of those that came nothing is known yet. */
export function withNodes(group: GroupView, nodes: readonly string[]): GroupView {
  const { primary } = group
  return {
    ...group,
    nodes: Object.fromEntries(nodes.map((name) => [name, group.nodes[name] ?? unseenNode(name)])),
    primary: primary !== null && nodes.includes(primary) ? primary : null,
  }
}

function unseenNode(name: string): NodeView {
  return {
    name,
    state: 'unknown',
    role: null,
    why: null,
    timeline: 0,
    systemIdentifier: null,
    lsn: 0,
    askedAtMs: 0,
    lagMs: null,
    lagBytes: null,
  }
}
