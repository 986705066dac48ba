import { median } from '../../figures.mjs'
import { contest } from '../contest.mjs'
import { pgherd, pgPool, postgresJs, SUBJECT } from '../entrants.mjs'
import { judged } from '../judge.mjs'

const CALLERS = 32
const EVERY_MS = 10
const LIMIT = { atMost: 20, unit: ' ms' }
const SLOW = [
  { slow: 'sleep', title: 'pg_sleep(2), whose text says what it is' },
  { slow: 'guarded', title: 'one row of a table that is locked for 2 s, whose text says nothing' },
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

function rowBeside(contestant, outcome, slow) {
  const limit = contestant === SUBJECT ? LIMIT : undefined
  if (outcome.absent !== undefined)
    return { contestant, absent: outcome.absent, against: judged(null, limit, outcome.absent) }
  const p99 = outcome.rounds.map((round) => round[slow].p99Ms)
  const added = outcome.rounds.map((round) => round[slow].p99Ms - round.none.p99Ms)
  const worst = Math.max(...outcome.rounds.map((round) => round[slow].maxMs))
  return {
    contestant,
    min: Math.min(...p99),
    median: median(p99),
    max: Math.max(...p99),
    against: { ...judged(median(added), limit), unit: ' ms' },
    note: `slowest of all ${Math.round(worst)} ms`,
  }
}
