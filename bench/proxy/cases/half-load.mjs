import { median } from '../../figures.mjs'
import { compete, PGBOUNCER, SUBJECT, tableOf } from '../field.mjs'
import { pgbenchTurn } from '../turn.mjs'

const CLIENTS = 64
const FINDING_ROUNDS = 2

/**
 * What clients wait when they ask for half of what the slower of PgBouncer and our proxy can give, counted from
 * when a transaction was due: one that waits for its client's turn has waited.
 */
export const halfLoad = {
  nodes: 3,
  async measure(given) {
    const { seconds, scratch } = given
    const most = await compete(
      { ...given, rounds: FINDING_ROUNDS },
      { clients: CLIENTS, names: [SUBJECT, PGBOUNCER] },
      pgbenchTurn({ clients: CLIENTS, seconds }),
    )
    const reached = [SUBJECT, PGBOUNCER]
      .filter((name) => most.get(name).absent === undefined)
      .map((name) => median(most.get(name).rounds.map(({ tps }) => tps)))
    const rate = Math.round(Math.min(...reached) / 2)
    if (!Number.isFinite(rate)) throw new Error('neither PgBouncer nor our proxy could be measured')
    const outcomes = await compete(
      given,
      { clients: CLIENTS },
      pgbenchTurn({ clients: CLIENTS, seconds, rate, logIn: scratch.dir }),
    )
    const title = `select-only, simple protocol, ${CLIENTS} clients, ${rate} transactions asked for a second`
    return [
      tableOf(outcomes, {
        title: `${title}: 99th percentile`,
        unit: 'us',
        figure: 'p99Us',
        limits: { [PGBOUNCER]: { atMost: 1 } },
      }),
      tableOf(outcomes, { title: `${title}: median`, unit: 'us', figure: 'medianUs', limits: {} }),
    ]
  },
}
