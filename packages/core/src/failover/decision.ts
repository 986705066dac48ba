import type { Durability } from '../spec/herd-spec.js'
import type { AckRule } from './acknowledgement.js'
import type { GroupMemory } from './group-memory.js'

/** What the decisions need to know of the spec. */
export interface GroupSettings {
  name: string
  /** All its nodes, in the order of the spec. */
  nodes: readonly string[]
  durability: Durability
  withoutStandby: 'wait' | 'continue'
  /** Standbys that are being removed: nobody counts on them any more. */
  leaving?: readonly string[]
}

/**
 * Something to do to one node. Each can be interrupted at any point and done again.
 *
 * create       make the data directory of the first primary
 * start        launch its server in the role its data directory has
 * fence        kill every process of it, then mark its data so that it can only return as a standby
 * promote      ask a standby to become primary on this timeline (does not wait for it)
 * clone        stop what runs of it, so that it acknowledges nothing which the copy lacks, then copy it
 *              anew from the primary; `keep` what was there instead of deleting it
 * follow       point a standby at another upstream without restarting it
 * slots        make and drop replication slots so that exactly `slots` are there
 * acknowledge  put an acknowledgement rule in force, and wait until all processes have read it
 * drain        let transactions finish, then shut the primary down in order
 */
export type Action =
  | { kind: 'create'; node: string }
  | { kind: 'start'; node: string; upstream: string | null; rule: AckRule }
  | { kind: 'fence'; node: string }
  | { kind: 'promote'; node: string; timeline: number }
  | { kind: 'clone'; node: string; from: string; reason: string; keep: boolean }
  | { kind: 'follow'; node: string; upstream: string }
  | { kind: 'slots'; node: string; slots: readonly string[] }
  | { kind: 'acknowledge'; node: string; rule: AckRule }
  | { kind: 'drain'; node: string }

export type EventKind =
  | 'group-formed'
  | 'primary-exited'
  | 'primary-hung'
  | 'primary-demoted'
  | 'failover-started'
  | 'failover-finished'
  | 'failover-blocked'
  | 'switchover-started'
  | 'switchover-abandoned'
  | 'primary-revived'
  | 'successor-lost'
  | 'rival-fenced'
  | 'rival-adopted'
  | 'acknowledgement-changed'
  | 'standby-cloned-anew'
  | 'standby-restarted'

/** What is worth telling a person, with its cause in the sentence. */
export interface DecisionEvent {
  kind: EventKind
  node: string
  message: string
}

/** `memory` must be on disk before the first of `actions` is begun. */
export interface Decision {
  memory: GroupMemory
  actions: readonly Action[]
  events: readonly DecisionEvent[]
  /** The answer to the order, when there was one; null while it cannot be given yet. */
  reply: { accepted: true } | { accepted: false; reason: string } | null
  /** Why nobody may take over, while that is so. */
  blocked: string | null
}

/** An event of this kind. */
export function event(kind: EventKind, node: string, message: string): DecisionEvent {
  return { kind, node, message }
}

export function decision(
  memory: GroupMemory,
  actions: readonly Action[],
  events: readonly DecisionEvent[] = [],
): Decision {
  return { memory, actions, events, reply: null, blocked: null }
}

export function undecided(memory: GroupMemory): Decision {
  return decision(memory, [])
}

export function refused(memory: GroupMemory, reason: string): Decision {
  return { ...undecided(memory), reply: { accepted: false, reason } }
}
