import { contest } from '../../contest.mjs'
import { rowsAgainst } from '../../judge.mjs'
import { pgClient, pgherd, pgPool, postgresJs, SUBJECT } from '../entrants.mjs'

/** What a single caller waits for a row. */
export const latency = {
  nodes: 1,
  async measure({ servers: { primary, nodes }, rounds, seconds }) {
    const outcomes = await contest(
      [
        pgherd(nodes),
        pgClient(primary),
        pgClient(primary, 'pg.Client, named statements', { named: true }),
        pgPool(primary),
        postgresJs(primary),
      ],
      rounds,
      (contestant) => contestant.run('latency', { seconds }),
    )
    const limits = { 'pg.Client': { atMost: 1.05 } }
    return [
      {
        title: '1 caller, one row by its key: median latency',
        unit: 'us',
        rows: rowsAgainst(SUBJECT, outcomes, 'medianUs', limits),
      },
      {
        title: 'the same: 99th percentile',
        unit: 'us',
        rows: rowsAgainst(SUBJECT, outcomes, 'p99Us', {}),
      },
    ]
  },
}
