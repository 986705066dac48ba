import type { Lsn } from './lsn.js'

/** Where the primary's WAL ended at one moment, on the observer's monotonic clock. */
export interface WalSample {
  atMs: number
  lsn: Lsn
}

/**
 * How far a standby is behind: bytes of WAL not yet replayed, and for how long the first of them has
 * been waiting. Both are 0 on an idle herd, however long ago the last write was.
 */
export interface Lag {
  bytes: number
  ms: number
}

/** Enough for two minutes at the default probe interval; a standby further behind is reported as "at least". */
const MAX_SAMPLES = 240

/** Adds what the primary said, dropping what is too old or was said by an earlier primary that was ahead. */
export function withSample(samples: readonly WalSample[], sample: WalSample): readonly WalSample[] {
  const consistent = samples.filter((known) => known.lsn <= sample.lsn && known.atMs < sample.atMs)
  return [...consistent.slice(-(MAX_SAMPLES - 1)), sample]
}

/**
 * The lag of a standby that had replayed up to `replayLsn` when it was asked at `askedAtMs`.
 *
 * The time is since the primary's WAL passed that point, read off the line through its samples, so it
 * is right whether or not anything is being written (unlike now() - pg_last_xact_replay_timestamp()).
 */
export function lagOf(samples: readonly WalSample[], replayLsn: Lsn, askedAtMs: number): Lag {
  const bytes = Math.max(0, Math.round(lsnAt(samples, askedAtMs) - replayLsn))
  if (bytes === 0) return { bytes: 0, ms: 0 }
  const passedAtMs = timeOfPassing(samples, replayLsn)
  return { bytes, ms: passedAtMs === null ? 0 : Math.max(0, Math.round(askedAtMs - passedAtMs)) }
}

function lsnAt(samples: readonly WalSample[], atMs: number): number {
  const after = samples.findIndex((sample) => sample.atMs >= atMs)
  if (after === -1) return samples.at(-1)?.lsn ?? 0
  const later = samples[after] as WalSample
  const earlier = samples[after - 1]
  if (earlier === undefined) return later.lsn
  return earlier.lsn + ((later.lsn - earlier.lsn) * (atMs - earlier.atMs)) / (later.atMs - earlier.atMs)
}

function timeOfPassing(samples: readonly WalSample[], lsn: Lsn): number | null {
  const after = samples.findIndex((sample) => sample.lsn > lsn)
  if (after === -1) return null
  const later = samples[after] as WalSample
  const earlier = samples[after - 1]
  if (earlier === undefined) return later.atMs
  return earlier.atMs + ((later.atMs - earlier.atMs) * (lsn - earlier.lsn)) / (later.lsn - earlier.lsn)
}
