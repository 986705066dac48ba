import type { Lsn } from '../lsn.js'
import type { NodeAnswer, NodeObservation } from './observation.js'

/** How patient the supervisor is, from the spec. */
export interface Patience {
  /** A server that has answered before and gives no sign of life for this long is hung. */
  hangAfterMs: number
}

/** A server that is starting may be replaying WAL; one that says so is given this long. */
const STARTING_PATIENCE_MS = 60_000
/** A server that says it is recovering, after a backend crashed, is given this many hang limits. */
const RECOVERING_FACTOR = 10
const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 15_000

/** What a supervisor keeps of one node between decisions. All times on its monotonic clock. */
export interface NodeRecord {
  readonly name: string
  readonly running: boolean
  /** Since when it runs, as far as is known. */
  readonly runningSinceMs: number
  readonly stoppedAtMs: number
  readonly answer: NodeAnswer | null
  /** The last time it answered. */
  readonly answeredAtMs: number | null
  /** The last time it gave any sign of life: an answer, or a refusal that says why. */
  readonly aliveAtMs: number | null
  /** The last time it said that it streams, or since when it runs. */
  readonly streamedAtMs: number
  readonly busy: string | null
  readonly failures: number
  readonly retryAtMs: number
  readonly paused: boolean
}

export function newNodeRecord(name: string, nowMs: number): NodeRecord {
  return {
    name,
    running: false,
    runningSinceMs: nowMs,
    stoppedAtMs: nowMs,
    answer: null,
    answeredAtMs: null,
    aliveAtMs: null,
    streamedAtMs: nowMs,
    busy: null,
    failures: 0,
    retryAtMs: 0,
    paused: false,
  }
}

/** A server process is there now. */
export function noteStarted(record: NodeRecord, nowMs: number): NodeRecord {
  return {
    ...record,
    running: true,
    runningSinceMs: nowMs,
    answer: null,
    answeredAtMs: null,
    aliveAtMs: null,
    streamedAtMs: nowMs,
  }
}

/** No process of the server is there any more. One that had not answered since its start failed to start. */
export function noteStopped(record: NodeRecord, nowMs: number): NodeRecord {
  const stopped: NodeRecord = { ...record, running: false, stoppedAtMs: nowMs, answer: null, paused: false }
  return record.running && record.answeredAtMs === null ? noteFailure(stopped, nowMs) : stopped
}

/**
 * A fence is complete: no backend is left either. What standbys answered before this moment does not
 * show all that was acknowledged.
 */
export function noteFenced(record: NodeRecord, nowMs: number): NodeRecord {
  return { ...record, running: false, stoppedAtMs: nowMs, answer: null, paused: false }
}

export function noteAnswer(record: NodeRecord, answer: NodeAnswer, nowMs: number): NodeRecord {
  if (!record.running) return record
  const streamedAtMs = answer.streaming ? nowMs : record.streamedAtMs
  return { ...record, answer, streamedAtMs, answeredAtMs: nowMs, aliveAtMs: nowMs, failures: 0, retryAtMs: 0 }
}

/** It would not serve, but said so: starting up, recovering, shutting down. */
export function noteRefusal(record: NodeRecord, nowMs: number): NodeRecord {
  return record.running ? { ...record, aliveAtMs: nowMs } : record
}

/** A start or a copy failed: the next try waits, longer each time. */
export function noteFailure(record: NodeRecord, nowMs: number): NodeRecord {
  const failures = record.failures + 1
  const waitMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1))
  return { ...record, failures, retryAtMs: nowMs + waitMs }
}

/** The supervisor itself did not run for a while (machine asleep, stopped): silence meanwhile proves nothing. */
export function forgiveSilence(record: NodeRecord, sleptMs: number): NodeRecord {
  return {
    ...record,
    runningSinceMs: record.runningSinceMs + sleptMs,
    streamedAtMs: record.streamedAtMs + sleptMs,
    answeredAtMs: record.answeredAtMs === null ? null : record.answeredAtMs + sleptMs,
    aliveAtMs: record.aliveAtMs === null ? null : record.aliveAtMs + sleptMs,
  }
}

/** The record as a decision sees it. `disk` and `cleanShutdownLsn` are read at that moment. */
export function observeNode(
  record: NodeRecord,
  disk: { role: NodeObservation['disk']; cleanShutdownLsn: Lsn | null },
  patience: Patience,
  nowMs: number,
): NodeObservation {
  return {
    name: record.name,
    process: record.running ? 'running' : 'stopped',
    vitals: vitalsOf(record, patience, nowMs),
    cutOffMs: record.running && record.answer?.streaming === false ? nowMs - record.streamedAtMs : 0,
    silentMs: record.running ? nowMs - (record.answeredAtMs ?? record.runningSinceMs) : 0,
    lifelessMs: record.running ? nowMs - (record.aliveAtMs ?? record.runningSinceMs) : 0,
    answer: record.running ? record.answer : null,
    disk: disk.role,
    stoppedAtMs: record.running ? null : record.stoppedAtMs,
    lastStoppedAtMs: record.stoppedAtMs,
    cleanShutdownLsn: record.running ? null : disk.cleanShutdownLsn,
    busy: record.busy,
    failures: record.failures,
    retryAtMs: record.retryAtMs,
    paused: record.paused,
  }
}

function vitalsOf(record: NodeRecord, patience: Patience, nowMs: number): NodeObservation['vitals'] {
  if (record.answeredAtMs === null)
    return nowMs - record.runningSinceMs > STARTING_PATIENCE_MS ? 'hung' : 'quiet'
  const unansweredMs = nowMs - record.answeredAtMs
  const lifelessMs = nowMs - (record.aliveAtMs ?? record.answeredAtMs)
  if (lifelessMs >= patience.hangAfterMs || unansweredMs >= patience.hangAfterMs * RECOVERING_FACTOR)
    return 'hung'
  // A refusal newer than the last answer: it is there, but its last answer no longer describes it.
  return (record.aliveAtMs ?? 0) > record.answeredAtMs ? 'quiet' : 'answers'
}
