import type { Lsn } from '../lsn.js'
import type { AckRule } from './acknowledgement.js'

/** What one server said of itself, in one answer. */
export interface NodeAnswer {
  /** When it was asked, on the supervisor's monotonic clock. */
  askedAtMs: number
  recovery: boolean
  timeline: number
  /** Primary: end of WAL written. Standby: the furthest it has flushed or replayed. */
  lsn: Lsn
  /** Standby: replayed so far; primary: the same as `lsn`. */
  replayLsn: Lsn
  /** Standby: everything in its own pg_wal has been replayed, so `lsn` is all it has. */
  settled: boolean
  /** Standby: the node its settings tell it to follow; null when none or not one of the group. */
  upstream: string | null
  /** Standby: WAL arrives from its upstream at this moment. */
  streaming: boolean
  /** Nodes for which this server holds a physical replication slot that can be used. */
  slots: readonly string[]
  /** Nodes whose slot here is lost: the server has removed WAL that the node had not received. */
  lostSlots: readonly string[]
  /** Primary: the start of the oldest WAL it still has. */
  oldestWalLsn: Lsn | null
  /** Primary: where earlier timelines ended in this server's history: timeline → LSN of the switch. */
  history: Readonly<Record<number, Lsn>>
  /**
   * Primary: the rule that is in force, which is more than that its settings hold it: it was started
   * with it, or an acknowledge action has made sure that every process has read it. Null when that is
   * not known, so that the action is done again.
   */
  rule: AckRule | null
  /** Primary: those who stream from it, with what they have flushed. */
  replicas: Readonly<Record<string, { streaming: boolean; flushLsn: Lsn; replayLsn: Lsn }>>
}

/** What is known of one node at the moment of a decision. */
export interface NodeObservation {
  name: string
  /** Whether a server process is there. */
  process: 'running' | 'stopped'
  /** Running only. quiet: no answer yet, but within patience (starting, slow); hung: patience is over. */
  vitals: 'answers' | 'quiet' | 'hung'
  /** How long a running server has given no answer; 0 while it answers. */
  silentMs: number
  /** How long it has given no sign of life: neither an answer nor a refusal that says why. */
  lifelessMs: number
  /** How long a standby that answers has received no WAL from anybody; 0 while it streams. */
  cutOffMs: number
  /** The last answer of the process that runs now; null before its first, and when stopped. */
  answer: NodeAnswer | null
  /** Its data directory: none, one that starts as a primary, or one that starts as a standby. */
  disk: 'absent' | 'primary' | 'standby'
  /**
   * Since when it is known that nothing of it can write, on the monotonic clock; null while it runs. A
   * postmaster may die before its backends, so the end of a fence counts, not the start of it.
   */
  stoppedAtMs: number | null
  /** The same, also while it runs again; the start of the supervisor if it has not stopped since. */
  lastStoppedAtMs?: number
  /** Stopped only: the LSN of its shutdown checkpoint, if it was shut down in order as a primary. */
  cleanShutdownLsn: Lsn | null
  /** The action under way on this node; nothing else is asked of it meanwhile. */
  busy: string | null
  /** Starts or copies that failed in a row. */
  failures: number
  /** Not to be tried again before this moment, on the monotonic clock. */
  retryAtMs: number
  /** A person paused it on purpose. */
  paused: boolean
}

/** A word from a person. */
export type Order = { kind: 'failover'; acceptLoss: boolean } | { kind: 'switchover'; to: string | null }

/** One group, observed. */
export interface GroupObservation {
  nowMs: number
  /** How long the group has been in its phase, or since the supervisor started if that is shorter. */
  phaseAgeMs: number
  nodes: Readonly<Record<string, NodeObservation>>
  order: Order | null
}

/** The one word for the state of a node, on which the decision tables stand. */
export type Condition = 'writes' | 'follows' | 'quiet' | 'hung' | 'stopped' | 'fenced' | 'absent'

export const CONDITIONS: readonly Condition[] = [
  'writes',
  'follows',
  'quiet',
  'hung',
  'stopped',
  'fenced',
  'absent',
]

export function conditionOf(node: NodeObservation): Condition {
  if (node.process === 'stopped') {
    if (node.disk === 'absent') return 'absent'
    return node.disk === 'standby' ? 'fenced' : 'stopped'
  }
  if (node.vitals === 'hung') return 'hung'
  if (node.vitals === 'quiet' || node.answer === null) return 'quiet'
  return node.answer.recovery ? 'follows' : 'writes'
}

/**
 * Whether this node could accept a write now or when it is next started. PostgreSQL removes
 * `standby.signal` before it leaves recovery, so a server that runs with the file there cannot.
 */
export function mayWrite(node: NodeObservation | undefined): boolean {
  if (node === undefined || node.disk === 'absent') return false
  return node.disk === 'primary'
}
