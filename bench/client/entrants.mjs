import { Contestant } from './contestant.mjs'

/** What the limits are about. */
export const SUBJECT = '@pgherd/client'

export function pgherd(nodes, name = SUBJECT, more = {}) {
  return new Contestant({ name, file: 'pgherd', options: { nodes, ...more } })
}

export function pgPool(url, name = 'pg.Pool', more = {}) {
  return new Contestant({ name, file: 'pg-pool', options: { url, ...more } })
}

/** `pg.Pool` that connects to a middleman, or the reason why there is none. */
export function pgPoolBehind(name, middleman) {
  return middleman.absent === undefined ? pgPool(middleman.url, name) : { name, absent: middleman.absent }
}

export function pgClient(url, name = 'pg.Client', more = {}) {
  return new Contestant({ name, file: 'pg-client', options: { url, ...more } })
}

export function postgresJs(url) {
  return new Contestant({ name: 'postgres.js', file: 'postgres-js', options: { url } })
}
