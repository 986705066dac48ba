import type { Lsn } from '../lsn.js'
import type { Reign } from './acknowledgement.js'

/**
 * forming         the first primary is being made
 * steady          the announced primary serves
 * failing-over    the primary is condemned: it is fenced, then a successor is chosen
 * promoting       the successor is chosen and on record, and becomes primary
 * switching-over  a healthy primary is drained and stopped so that its successor takes over
 */
export type Phase = 'forming' | 'steady' | 'failing-over' | 'promoting' | 'switching-over'

export const PHASES: readonly Phase[] = ['forming', 'steady', 'failing-over', 'promoting', 'switching-over']

/**
 * What must outlive the supervisor. It is written to disk before anything it says is done, so that a
 * supervisor that starts later can tell what its predecessor may have set in motion.
 */
export interface GroupMemory {
  phase: Phase
  /** Grows with every change of who may write. */
  epoch: number
  /** The announced primary of this epoch; while failing over, the condemned one. */
  primary: string
  /** The timeline the announced primary writes. */
  timeline: number
  /**
   * The highest number of a timeline that may have been begun. Two standbys that are promoted from the
   * same timeline would give theirs the same number, and nobody could tell the two apart afterwards.
   */
  begunTimeline?: number
  /** Where the timelines before it ended, as the announced primary said. */
  history?: Readonly<Record<number, Lsn>>
  /** Who takes over; only while promoting or switching over. */
  successor: string | null
  /** Who may have acknowledged commits that are not yet proven to be everywhere they must be. */
  reigns: readonly Reign[]
  /**
   * A person accepted the loss of writes, and not every node has rejoined since: what a copy replaces
   * may hold acknowledged writes that exist nowhere else.
   */
  lossAccepted: boolean
  /**
   * Standbys that have WAL of their own which nobody is meant to follow: promoted behind our back, or
   * found to have diverged. Until they stream again they show nothing about what was acknowledged.
   */
  astray?: readonly string[]
}

/** The memory of a group that does not exist yet. */
export function unformed(firstPrimary: string): GroupMemory {
  return {
    phase: 'forming',
    epoch: 0,
    primary: firstPrimary,
    timeline: 1,
    successor: null,
    reigns: [],
    lossAccepted: false,
  }
}

/** The node on whose condition the next step depends. */
export function subjectOf(memory: GroupMemory): string {
  return memory.phase === 'promoting' && memory.successor !== null ? memory.successor : memory.primary
}
