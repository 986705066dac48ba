import { compete, PGBOUNCER, tableOf } from '../field.mjs'
import { pgbenchTurn } from '../turn.mjs'

const CLIENTS = 16
const PROTOCOLS = [
  { protocol: 'prepared', title: 'prepared once by each client' },
  { protocol: 'extended', title: 'parsed anew each time' },
]

/** The same with parameters. */
export const prepared = {
  nodes: 3,
  async *measure(given) {
    for (const { protocol, title } of PROTOCOLS) {
      const outcomes = await compete(
        given,
        { clients: CLIENTS, prepare: protocol === 'prepared' },
        pgbenchTurn({ clients: CLIENTS, seconds: given.seconds, protocol }),
      )
      yield tableOf(outcomes, {
        title: `select-only, extended protocol, ${title}, ${CLIENTS} clients`,
        unit: '/s',
        figure: 'tps',
        limits: { [PGBOUNCER]: { atLeast: 1.2 } },
      })
    }
  },
}
