import { setTimeout as sleep } from 'node:timers/promises'
import { HerdError } from '@pgherd/client'
import { anyOf } from './load-herd.js'
import { newEventId } from './population.js'

/** Part (d): the primary of one shard is killed while all are written to. */
export interface FailoverMeasured {
  /** Which node was killed, of which shard. */
  killed: string
  shard: string
  /** How many shards there are. */
  shards: number
  /** From the kill on, the longest time in which that shard acknowledged nothing. Null: nothing any more. */
  pauseMs: number | null
  /** The same of any other shard, over the whole time. */
  longestElsewhereMs: number
  /** From the kill until every node was back. Null: not within the time. */
  wholeMs: number | null
  acknowledged: number
  /** Acknowledged, and not there afterwards. */
  lost: number
  /** Cut off, so that nobody could say: what turned out. */
  unknown: { tookEffect: number; didNot: number }
  /** Ended in an error, and certainly took no effect; tried again. */
  failed: number
  /** Certainly without effect, and there nevertheless. */
  contradicted: number
  /** Acknowledged writes in slices of time, by whether they were on that shard. */
  slices: { atMs: number; there: number; elsewhere: number }[]
  killedAtMs: number
}

/** What is written to and what is killed: the herd, or a single database. */
export interface FailoverTarget {
  /** Users by shard; a single database is one. */
  users: ReadonlyMap<string, readonly string[]>
  write(userId: string, eventId: string): Promise<void>
  /** Which of these events are there, by the word of the primaries. */
  findEvents(userIds: readonly string[]): Promise<ReadonlySet<string>>
  /** Which node is the primary of this shard. */
  primaryOf(shard: string): Promise<string>
  kill(node: string): Promise<void>
  isWhole(): Promise<boolean>
}

interface Written {
  eventId: string
  shard: string
  begunAtMs: number
  endedAtMs: number
  outcome: 'acknowledged' | 'unknown' | 'failed'
}

const SLICE_MS = 100
/** The share of the time before the kill. */
const BEFORE = 0.3
const WHOLE_TIMEOUT_MS = 30_000
const LOOK_EVERY_MS = 50
const AGAIN_MS = 5

export async function measureFailover(
  target: FailoverTarget,
  { callersPerShard, ms, signal }: { callersPerShard: number; ms: number; signal: AbortSignal },
): Promise<FailoverMeasured> {
  const journal: Written[] = []
  const startedAtMs = performance.now()
  const [shard = ''] = [...target.users.keys()]
  const writing = [...target.users].flatMap(([name, ids]) =>
    Array.from({ length: callersPerShard }, () =>
      writeUntil(startedAtMs + ms, { target, shard: name, ids, journal, signal }),
    ),
  )
  await sleep(ms * BEFORE, undefined, { signal }).catch(() => {})
  const killed = await target.primaryOf(shard)
  const killedAtMs = performance.now()
  await target.kill(killed)
  const whole = whenWhole(target, killedAtMs, signal)
  await Promise.all(writing)
  const wholeMs = await whole
  const found = await target.findEvents([...target.users.values()].flat())
  return {
    killed,
    shard,
    shards: target.users.size,
    wholeMs,
    ...judge({ journal, found, shard, startedAtMs, killedAtMs }),
  }
}

interface Writing {
  target: FailoverTarget
  shard: string
  ids: readonly string[]
  journal: Written[]
  signal: AbortSignal
}

async function writeUntil(endsAtMs: number, { target, shard, ids, journal, signal }: Writing): Promise<void> {
  while (!signal.aborted && performance.now() < endsAtMs) {
    const eventId = newEventId()
    const begunAtMs = performance.now()
    const outcome = await target.write(anyOf(ids), eventId).then(
      () => 'acknowledged' as const,
      (error: unknown) => judgeError(error),
    )
    journal.push({ eventId, shard, begunAtMs, endedAtMs: performance.now(), outcome })
    if (outcome !== 'acknowledged') await sleep(AGAIN_MS)
  }
}

/** Of pg's own errors nothing but one with an SQLSTATE says that nothing was done. */
function judgeError(error: unknown): 'unknown' | 'failed' {
  if (error instanceof HerdError) return error.code === 'OUTCOME_UNKNOWN' ? 'unknown' : 'failed'
  const { code } = error as { code?: string }
  return code !== undefined && (/^[0-9A-Z]{5}$/.test(code) || code === 'ECONNREFUSED') ? 'failed' : 'unknown'
}

async function whenWhole(
  target: FailoverTarget,
  sinceMs: number,
  signal: AbortSignal,
): Promise<number | null> {
  // Until the supervisor has seen that the node is gone, it looks whole.
  await sleep(LOOK_EVERY_MS)
  while (!signal.aborted && performance.now() - sinceMs < WHOLE_TIMEOUT_MS) {
    if (await target.isWhole()) return performance.now() - sinceMs
    await sleep(LOOK_EVERY_MS)
  }
  return null
}

interface Judging {
  journal: readonly Written[]
  found: ReadonlySet<string>
  shard: string
  startedAtMs: number
  killedAtMs: number
}

function judge({ journal, found, shard, startedAtMs, killedAtMs }: Judging) {
  const of = (outcome: Written['outcome']) => journal.filter((one) => one.outcome === outcome)
  const acknowledged = of('acknowledged')
  const there = acknowledged.filter((one) => one.shard === shard && one.endedAtMs > killedAtMs)
  const elsewhere = acknowledged.filter((one) => one.shard !== shard)
  const unknown = of('unknown')
  const tookEffect = unknown.filter(({ eventId }) => found.has(eventId)).length
  return {
    killedAtMs: killedAtMs - startedAtMs,
    pauseMs: there.length === 0 ? null : longestGap(there, killedAtMs),
    longestElsewhereMs: longestGap(elsewhere, startedAtMs),
    acknowledged: acknowledged.length,
    lost: acknowledged.filter(({ eventId }) => !found.has(eventId)).length,
    unknown: { tookEffect, didNot: unknown.length - tookEffect },
    failed: of('failed').length,
    contradicted: of('failed').filter(({ eventId }) => found.has(eventId)).length,
    slices: sliceUp(acknowledged, shard, startedAtMs),
  }
}

/** The longest time since then in which any one of their shards acknowledged nothing. */
function longestGap(writes: readonly Written[], sinceMs: number): number {
  const last = new Map<string, number>()
  let longest = 0
  for (const { shard, endedAtMs } of writes.toSorted((one, other) => one.endedAtMs - other.endedAtMs)) {
    longest = Math.max(longest, endedAtMs - (last.get(shard) ?? sinceMs))
    last.set(shard, endedAtMs)
  }
  return longest
}

function sliceUp(writes: readonly Written[], shard: string, startedAtMs: number): FailoverMeasured['slices'] {
  const sliceOf = ({ endedAtMs }: Written): number => Math.floor((endedAtMs - startedAtMs) / SLICE_MS)
  const count = Math.max(0, ...writes.map(sliceOf)) + 1
  const slices = Array.from({ length: count }, (_, at) => ({ atMs: at * SLICE_MS, there: 0, elsewhere: 0 }))
  for (const write of writes) {
    const slice = slices[sliceOf(write)] as FailoverMeasured['slices'][number]
    slice[write.shard === shard ? 'there' : 'elsewhere']++
  }
  return slices
}
