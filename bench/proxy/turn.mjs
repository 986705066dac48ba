import { percentile } from '../figures.mjs'
import { runPgbench } from './pgbench.mjs'

/** A first guess at what a login takes; from then on it is known. */
const LOGIN_SECONDS = 0.01

/** A turn of pgbench, for `compete`; with `logIn` also how long transactions took. */
export function pgbenchTurn(options) {
  return async (url, last) => {
    const { tookUs, transactions, ...figures } = await runPgbench(url, {
      connectSeconds: last?.connectSeconds ?? options.clients * LOGIN_SECONDS,
      ...options,
    })
    const latencies =
      tookUs === null ? {} : { medianUs: percentile(tookUs, 50), p99Us: percentile(tookUs, 99) }
    return { ...figures, ...latencies, units: transactions }
  }
}
