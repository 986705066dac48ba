import { contest } from '../../contest.mjs'
import { rowsAgainst } from '../../judge.mjs'
import { pgherd, pgPool, postgresJs, SUBJECT } from '../entrants.mjs'

const CALLERS = 16
const KINDS = [
  { writes: false, title: 'begin, three reads, commit' },
  { writes: true, title: 'begin, read, write, read, commit' },
]

/**
 * Transactions of five statements, as many callers as a pool has connections. Those that only read show what
 * the path costs; those that write wait for the disk, which hides it.
 */
export const transactions = {
  nodes: 1,
  async measure({ servers: { primary, nodes }, rounds, seconds }) {
    const tables = []
    for (const { writes, title } of KINDS) {
      const outcomes = await contest(
        [pgherd(nodes), pgPool(primary), postgresJs(primary)],
        rounds,
        (contestant) => contestant.run('transactions', { callers: CALLERS, seconds, writes }),
      )
      tables.push({
        title: `${CALLERS} callers, transactions of five statements: ${title}`,
        unit: '/s',
        rows: rowsAgainst(SUBJECT, outcomes, 'perSecond', { 'pg.Pool': { atLeast: 0.95 } }),
      })
    }
    return tables
  },
}
