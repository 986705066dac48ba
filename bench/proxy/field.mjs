import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { contest } from '../contest.mjs'
import { cpuSecondsOf, parentOf } from '../cpu-time.mjs'
import { median } from '../figures.mjs'
import { compare, rowsAgainst } from '../judge.mjs'
import { startHaproxy } from '../peers/haproxy.mjs'
import { startPgBouncer } from '../peers/pgbouncer.mjs'
import { startPgherdProxy } from '../peers/pgherd-proxy.mjs'
import { startPgpool } from '../peers/pgpool.mjs'

/** What the limits are about. */
export const SUBJECT = 'pgherd proxy, three nodes'
/** The same before the primary alone, as PgBouncer and HAProxy are: what is left is the path. */
export const ALONE = 'pgherd proxy, one node'
export const DIRECT = 'direct'
export const PGBOUNCER = 'PgBouncer'
export const PGPOOL = 'Pgpool-II'
export const HAPROXY = 'HAProxy'

const REAPED_MS = 150

const STARTERS = {
  [SUBJECT]: startPgherdProxy,
  [ALONE]: (at, options) => startPgherdProxy(at, { ...options, routes: false }),
  [PGBOUNCER]: startPgBouncer,
  [HAPROXY]: startHaproxy,
  [PGPOOL]: startPgpool,
}

/** How to start each of `names` for so many clients at once. */
export function startersOf(names, { clients, prepare = false }) {
  return Object.fromEntries(
    // A few more: somebody looks whether it is there, and pgbench connects once before it begins.
    names.map((name) => [name, (at) => STARTERS[name](at, { clients: clients + 4, prepare })]),
  )
}

/**
 * Starts contestants, all or those of `names`, for `clients` at once, and lets them take turns: `play` is given
 * the URL to connect to and what it resolved to the last time (null at first), and resolves to its figures, with
 * `units`, how much was done, and `cpuSeconds`, what doing the asking took. Before every turn `tidy` makes the
 * servers what they were. Resolves to outcomes as `contest` does, where each round also says what processor time
 * a unit took in the contestant (`ownUs`), the servers and whoever asked.
 */
export function compete(given, { names = Object.keys(STARTERS), tidy = NOTHING, ...options }, play) {
  const { servers, withMiddlemen, rounds } = given
  return withMiddlemen(startersOf(names, options), async (middlemen) => {
    const postmasters = await Promise.all(servers.nodes.map(findPostmaster))
    const entries = [
      { name: DIRECT, url: servers.primary, pid: null },
      ...Object.entries(middlemen).map(([name, middleman]) => ({ name, ...middleman })),
    ].map((entry) => ({ ...entry, last: null, open: NOTHING, kill: NOTHING, close: NOTHING }))
    const outcomes = await contest(entries, rounds, async (contestant) => {
      const { pid, url } = contestant
      const pids = [...postmasters, ...(pid === null ? [] : [pid])]
      await tidy()
      const before = cpuSecondsOf(pids)
      const figures = await play(url, contestant.last)
      contestant.last = figures
      // What has just ended is counted once its parent has heard of it.
      await sleep(REAPED_MS)
      const usUsed = cpuSecondsOf(pids).map((seconds, at) => ((seconds - before[at]) * 1e6) / figures.units)
      return {
        ...figures,
        serversUs: usUsed.slice(0, postmasters.length).reduce((sum, each) => sum + each, 0),
        ownUs: pid === null ? 0 : usUsed.at(-1),
        askingUs: (figures.cpuSeconds * 1e6) / figures.units,
      }
    })
    for (const { name, note } of entries) outcomes.get(name).note = note
    return outcomes
  })
}

/**
 * A table of how much of `figure` each has reached, with what the subject is against each and, beside it
 * and without a limit, what our proxy is before one node. The end of a line says what processor time a unit
 * took.
 */
export function tableOf(outcomes, { title, unit, figure, limits, per = 'transaction' }) {
  const alone = outcomes.get(ALONE)
  return {
    title: `${title} (CPU us per ${per}: its own + servers' + asking)`,
    unit,
    comparedAs: 'three nodes are',
    besideAs: 'one node is',
    rows: rowsAgainst(SUBJECT, outcomes, figure, limits).map((row) => ({
      ...row,
      ...(row.contestant === ALONE ? {} : { beside: compare(alone, outcomes.get(row.contestant), figure) }),
      note: sayCpu(outcomes.get(row.contestant)),
    })),
  }
}

function sayCpu({ rounds = [], note }) {
  if (rounds.length === 0) return ''
  const us = ['ownUs', 'serversUs', 'askingUs'].map((which) => median(rounds.map((round) => round[which])))
  return [us.map(Math.round).join(' + '), note].filter(Boolean).join('; ')
}

async function findPostmaster(url) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query('select pg_backend_pid() as pid')
  const postmaster = parentOf(rows[0].pid)
  await client.end()
  return postmaster
}

const NOTHING = () => {}
