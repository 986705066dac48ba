import { contest } from '../../contest.mjs'
import { rowsAgainst } from '../../judge.mjs'
import { startPgBouncer } from '../../peers/pgbouncer.mjs'
import { startPgpool } from '../../peers/pgpool.mjs'
import { pgClient, pgherd, pgPool, pgPoolBehind, postgresJs, SUBJECT } from '../entrants.mjs'

const CALLERS = 32

/** How many single rows a second reach 32 callers. One node, so that only the path to it is compared. */
export const reads = {
  nodes: 1,
  async measure({ servers: { primary, nodes }, rounds, seconds, withMiddlemen }) {
    return withMiddlemen(
      { pgBouncer: startPgBouncer, pgpool: startPgpool },
      async ({ pgBouncer, pgpool }) => {
        const outcomes = await contest(
          [
            pgherd(nodes),
            pgPool(primary),
            pgPool(primary, 'pg.Pool, named statements', { named: true }),
            postgresJs(primary),
            pgPoolBehind('pg.Pool behind PgBouncer', pgBouncer),
            pgPoolBehind('pg.Pool behind Pgpool-II', pgpool),
            pgClient(primary, 'two pipelined pg.Client, named', {
              connections: 2,
              pipeline: true,
              named: true,
            }),
          ],
          rounds,
          (contestant) => contestant.run('reads', { callers: CALLERS, seconds }),
        )
        return [
          {
            title: `${CALLERS} callers, one row by its key, one node`,
            unit: '/s',
            rows: rowsAgainst(SUBJECT, outcomes, 'perSecond', {
              'pg.Pool': { atLeast: 2 },
              'postgres.js': { atLeast: 2 },
              'pg.Pool behind PgBouncer': { atLeast: 2.5 },
              'pg.Pool behind Pgpool-II': { atLeast: 3 },
            }),
          },
        ]
      },
    )
  },
}
