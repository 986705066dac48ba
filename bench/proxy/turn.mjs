import { percentile } from '../figures.mjs'
import { runPgbench } from './pgbench.mjs'

/** A first guess at what a login takes; from then on it is known. */
const LOGIN_SECONDS = 0.01
/** In the turn that is not counted: code is compiled by then, and not while others are compared with it. */
const WARM_UP_SECONDS = 4

/** A turn of pgbench, for `compete`; with `logIn` also how long transactions took. */
export function pgbenchTurn(options) {
  return async (url, last) => {
    const { tookUs, transactions, ...figures } = await runPgbench(url, {
      ...options,
      connectSeconds: last?.connectSeconds ?? options.clients * LOGIN_SECONDS,
      seconds: last === null ? Math.max(WARM_UP_SECONDS, options.seconds) : options.seconds,
    })
    const latencies =
      tookUs === null ? {} : { medianUs: percentile(tookUs, 50), p99Us: percentile(tookUs, 99) }
    return { ...figures, ...latencies, units: transactions }
  }
}
