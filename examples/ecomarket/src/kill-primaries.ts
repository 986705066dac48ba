import { setTimeout as sleep } from 'node:timers/promises'
import type { Herd } from '@pgherd/cluster'
import type { OrderJournal } from './buying/order-journal.js'

/** One primary killed and what came of it. Null: the run ended before it was seen. */
export interface Failover {
  killed: string
  /** When it was killed, from the beginning of the run. */
  atMs: number
  newPrimary: string | null
  /** From the kill to the first order that another node acknowledged. */
  nextOrderMs: number | null
  /** From the kill until every node was back and counted. */
  wholeMs: number | null
}

export interface Killing {
  herd: Herd
  journal: OrderJournal
  seconds: number
  kills: number
  tell: (line: string) => void
  signal: AbortSignal
}

const WHOLE_TIMEOUT_MS = 60_000
const SELL_TIMEOUT_MS = 60_000

/**
 * Kills the primary so often, evenly over the time, and each time waits until the herd sells again and
 * is whole. Resolves when the time is over, early when `signal` fires; the list is filled as it goes.
 */
export async function killPrimaries(killing: Killing, failovers: Failover[]): Promise<void> {
  const { herd, seconds, kills, signal } = killing
  const startedAtMs = performance.now()
  const until = (atMs: number): Promise<void> =>
    sleep(Math.max(0, startedAtMs + atMs - performance.now()), undefined, { signal })
  try {
    for (let kill = 0; kill < kills; kill++) {
      await until(((kill + 0.5) * seconds * 1000) / kills)
      await herd.whenWhole(WHOLE_TIMEOUT_MS, signal)
      await killPrimary(killing, startedAtMs, failovers)
    }
    await until(seconds * 1000)
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
  const sellsAgain = journal.nextAcknowledged(killed, SELL_TIMEOUT_MS, signal)
  // Should the kill itself fail, nobody waits for what follows it.
  sellsAgain.catch(() => {})
  await herd.disturb(killed, 'kill')
  const { atMs, node } = await sellsAgain
  failover.newPrimary = node
  failover.nextOrderMs = Math.round(atMs - killedAtMs)
  tell(`${killed} was killed; ${node} sold the next order ${failover.nextOrderMs} ms later`)
  await herd.whenWhole(WHOLE_TIMEOUT_MS, signal)
  failover.wholeMs = Math.round(performance.now() - killedAtMs)
}
