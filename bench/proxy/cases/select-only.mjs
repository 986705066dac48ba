import { compete, DIRECT, PGBOUNCER, PGPOOL, tableOf } from '../field.mjs'
import { pgbenchTurn } from '../turn.mjs'

/** Limits by number of clients. */
const LIMITS = {
  16: { [PGBOUNCER]: { atLeast: 1.2 }, [PGPOOL]: { atLeast: 2.5 } },
  64: { [DIRECT]: { atLeast: 1 }, [PGBOUNCER]: { atLeast: 1.5 }, [PGPOOL]: { atLeast: 2.5 } },
  400: { [PGBOUNCER]: { atLeast: 1.5 }, [PGPOOL]: { atLeast: 2.5 } },
}

/** One row by its key, in a text without parameters, as psql and most of the web's frameworks send it. */
export const selectOnly = {
  nodes: 3,
  async *measure(given) {
    for (const [count, limits] of Object.entries(LIMITS)) {
      const clients = Number(count)
      const outcomes = await compete(given, { clients }, pgbenchTurn({ clients, seconds: given.seconds }))
      yield tableOf(outcomes, {
        title: `select-only, simple protocol, ${clients} clients`,
        unit: '/s',
        figure: 'tps',
        limits,
      })
    }
  },
}
