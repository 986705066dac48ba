import { contest } from '../../contest.mjs'
import { median } from '../../figures.mjs'
import { judged } from '../../judge.mjs'
import { pgherd, pgPool, postgresJs, SUBJECT } from '../entrants.mjs'

const CALLERS = 32
const EVERY_MS = 10
const LIMIT = { atMost: 20, unit: ' ms' }
const SLOW = [
  { slow: 'sleep', title: 'pg_sleep(2), whose text says what it is' },
  { slow: 'unseen', title: 'a read that waits 2 s for a lock, of a shape never seen before' },
  { slow: 'trusted', title: 'a read that waits 2 s for a lock, of a shape that was fast 200 times' },
]

/** How much later fast statements are answered while one on the same pool takes two seconds. */
export const besideSlow = {
  nodes: 1,
  async measure({ servers: { primary, nodes }, rounds }) {
    const args = { callers: CALLERS, everyMs: EVERY_MS, url: primary }
    const outcomes = await contest(
      [pgherd(nodes), pgPool(primary), postgresJs(primary)],
      rounds,
      async (contestant) => {
        const none = await contestant.run('beside', { ...args, slow: 'none' })
        const figures = { none }
        for (const { slow } of SLOW) figures[slow] = await contestant.run('beside', { ...args, slow })
        return figures
      },
    )
    const pace = `${CALLERS} callers, each a read every ${EVERY_MS} ms`
    return SLOW.map(({ slow, title }) => ({
      title: `${pace}, beside ${title}: 99th percentile`,
      unit: 'ms',
      comparedAs: 'added',
      rows: [...outcomes].map(([contestant, outcome]) => rowBeside(contestant, outcome, slow)),
    }))
  },
}

/** Here medians are compared, not rounds: what disturbs one window is not what disturbs the other. */
function rowBeside(contestant, outcome, slow) {
  const limit = contestant === SUBJECT ? LIMIT : undefined
  if (outcome.absent !== undefined)
    return { contestant, absent: outcome.absent, against: judged(null, limit) }
  const p99 = outcome.rounds.map((round) => round[slow].p99Ms)
  const withoutMs = median(outcome.rounds.map((round) => round.none.p99Ms))
  const worst = Math.max(...outcome.rounds.map((round) => round[slow].maxMs))
  return {
    contestant,
    min: Math.min(...p99),
    median: median(p99),
    max: Math.max(...p99),
    against: { ...judged(median(p99) - withoutMs, limit), unit: ' ms' },
    note: `${withoutMs.toFixed(1)} ms without; the slowest of all took ${Math.round(worst)} ms`,
  }
}
