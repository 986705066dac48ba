import type { AckRule } from '../../../src/failover/index.js'

/** A timeline as its history file tells it. Two servers may well begin different ones of one number. */
export interface Timeline {
  number: number
  parent: Timeline | null
  /** How many records the WAL had where this timeline left its parent. */
  forkedAt: number
}

/**
 * One record. Records are shared by reference, so two WALs agree up to a place exactly if the same
 * object stands there in both.
 */
export interface WalRecord {
  index: number
  timeline: Timeline
  what: 'write' | 'timeline' | 'shutdown'
}

export const FIRST_TIMELINE: Timeline = { number: 1, parent: null, forkedAt: 0 }

const BYTES_PER_RECORD = 100

/** The LSN right behind so many records. */
export function lsnAfter(records: number): number {
  return (records + 1) * BYTES_PER_RECORD
}

export function historyOf(timeline: Timeline): Record<number, number> {
  const history: Record<number, number> = {}
  for (let at = timeline; at.parent !== null; at = at.parent)
    history[at.parent.number] = lsnAfter(at.forkedAt)
  return history
}

/** A data directory; what it says outlives the process. */
export interface DataDirectory {
  wal: WalRecord[]
  /** Records that outlive a crash. */
  flushed: number
  /** Older records have been removed and can be sent to nobody. */
  oldest: number
  standbySignal: boolean
  cleanShutdownLsn: number | null
  upstream: string | null
  /** As `synchronous_standby_names` stands in the configuration file. */
  rule: AckRule
  /** The same once an acknowledge action or a start has made sure that every process has read it. */
  ruleInForce: AckRule | null
}

export function timelineOf(data: DataDirectory): Timeline {
  return data.wal[data.flushed - 1]?.timeline ?? FIRST_TIMELINE
}

export function holds(data: DataDirectory | null, record: WalRecord): boolean {
  return data !== null && record.index < data.flushed && data.wal[record.index] === record
}
