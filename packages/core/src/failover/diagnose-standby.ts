import type { NodeAnswer } from './observation.js'

/** What is wrong with a standby that follows the right upstream and yet gets no WAL. */
export type StandbyDiagnosis =
  | { kind: 'well' }
  /** It has WAL that the primary's history does not contain; `apart`: on a timeline that was begun apart. */
  | { kind: 'diverged'; apart: boolean; reason: string }
  /** What it needs next has been removed on the primary. */
  | { kind: 'fell-behind'; reason: string }

/** Answers asked this close to each other belong to one round of questions. */
const SAME_ROUND_MS = 50

/**
 * Holds a standby's last answer against the primary's. Only what proves that it can never catch up
 * counts; a standby that is merely late or cut off is left alone.
 */
export function diagnoseStandby(standby: NodeAnswer, primary: NodeAnswer): StandbyDiagnosis {
  if (standby.streaming) return { kind: 'well' }
  if (standby.timeline > primary.timeline) {
    return {
      kind: 'diverged',
      apart: true,
      reason: `it is on timeline ${standby.timeline}, the primary on ${primary.timeline}`,
    }
  }
  const forkLsn = primary.history[standby.timeline]
  if (standby.timeline < primary.timeline && forkLsn === undefined) {
    return {
      kind: 'diverged',
      apart: true,
      reason: `timeline ${standby.timeline}, which it is on, is not in the history of the primary`,
    }
  }
  if (standby.timeline < primary.timeline && forkLsn !== undefined && standby.lsn > forkLsn) {
    return {
      kind: 'diverged',
      apart: false,
      reason: `it has ${standby.lsn - forkLsn} bytes of WAL from after timeline ${standby.timeline} ended`,
    }
  }
  // What the primary has written since it was last asked may have reached the standby already.
  const comparable = standby.askedAtMs <= primary.askedAtMs + SAME_ROUND_MS
  if (comparable && standby.timeline === primary.timeline && standby.settled && standby.lsn > primary.lsn) {
    return {
      kind: 'diverged',
      apart: false,
      reason: `it is ${standby.lsn - primary.lsn} bytes ahead of the primary`,
    }
  }
  if (standby.settled && primary.oldestWalLsn !== null && standby.lsn < primary.oldestWalLsn) {
    return { kind: 'fell-behind', reason: 'the WAL it needs next is no longer on the primary' }
  }
  return { kind: 'well' }
}
