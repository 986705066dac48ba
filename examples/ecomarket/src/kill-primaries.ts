import { setTimeout as sleep } from 'node:timers/promises'
import type { Herd } from '@pgherd/cluster'
import type { JournalEntry, OrderJournal } from './buying/order-journal.js'

/** One primary killed and what came of it. Null: the run ended before it was seen. */
export interface Failover {
  killed: string
  /** When it was killed, from the beginning of the run. */
  atMs: number
  /** The same again when it was back in time to be elected: it may have the furthest WAL. */
  newPrimary: string | null
  /** From the kill to the first order that was begun after it and acknowledged. */
  nextOrderMs: number | null
  /** From the kill until every node was back and counted. */
  wholeMs: number | null
}

export interface Killing {
  herd: Pick<Herd, 'primaryOf' | 'whenWhole' | 'disturb'>
  journal: OrderJournal
  seconds: number
  kills: number
  tell: (line: string) => void
  signal: AbortSignal
}

const WHOLE_TIMEOUT_MS = 60_000
const SELL_TIMEOUT_MS = 60_000
const LOOK_EVERY_MS = 5

/**
 * Kills the primary so often, evenly over the time, and each time waits until the herd sells again and
 * is whole; fewer times when that takes too long. Resolves when the time is over, early when `signal`
 * fires; the list is filled as it goes.
 */
export async function killPrimaries(killing: Killing, failovers: Failover[]): Promise<void> {
  const { herd, seconds, kills, signal } = killing
  const startedAtMs = performance.now()
  const leftUntil = (atMs: number): number => Math.max(0, startedAtMs + atMs - performance.now())
  try {
    for (let kill = 0; kill < kills; kill++) {
      await sleep(leftUntil(((kill + 0.5) * seconds * 1000) / kills), undefined, { signal })
      await herd.whenWhole(WHOLE_TIMEOUT_MS, signal)
      if (leftUntil(seconds * 1000) === 0) return
      await killPrimary(killing, startedAtMs, failovers)
    }
    await sleep(leftUntil(seconds * 1000), undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

async function killPrimary(killing: Killing, startedAtMs: number, failovers: Failover[]): Promise<void> {
  const { herd, journal, tell, signal } = killing
  const killed = herd.primaryOf()?.name
  if (killed === undefined) return
  const killedAtMs = performance.now()
  const failover: Failover = {
    killed,
    atMs: Math.round(killedAtMs - startedAtMs),
    newPrimary: null,
    nextOrderMs: null,
    wholeMs: null,
  }
  failovers.push(failover)
  await herd.disturb(killed, 'kill')
  const { node, answeredAtMs } = await nextOrder(journal, signal)
  failover.newPrimary = node
  failover.nextOrderMs = Math.round(answeredAtMs - killedAtMs)
  const seller = node === killed ? `${node} itself, started anew,` : node
  tell(`${killed} was killed; ${seller} sold the next order ${failover.nextOrderMs} ms later`)
  await herd.whenWhole(WHOLE_TIMEOUT_MS, signal)
  failover.wholeMs = Math.round(performance.now() - killedAtMs)
}

/** The first order that is begun from now on and acknowledged: what was begun before may be told late. */
async function nextOrder({ entries }: OrderJournal, signal: AbortSignal): Promise<JournalEntry> {
  const [seen, sinceMs] = [entries.length, performance.now()]
  while (performance.now() < sinceMs + SELL_TIMEOUT_MS) {
    const next = entries
      .slice(seen)
      .find(({ outcome, triedAtMs }) => outcome === 'acknowledged' && triedAtMs >= sinceMs)
    if (next !== undefined) return next
    await sleep(LOOK_EVERY_MS, undefined, { signal })
  }
  throw new Error(`No order was acknowledged for ${SELL_TIMEOUT_MS / 1000} s after a kill.`)
}
