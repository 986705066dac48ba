import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { cpuSecondsOf, residentKilobytes } from '../../cpu-time.mjs'
import { judged } from '../../judge.mjs'
import { ALONE, PGBOUNCER, SUBJECT, startersOf } from '../field.mjs'

const CLIENTS = 5000
/** Logins under way at once. */
const AT_ONCE = 50
const WATCHED_SECONDS = 10
const SETTLE_SECONDS = 3
const NAMES = [SUBJECT, ALONE, PGBOUNCER]
const LIMITS = {
  kilobytes: { [SUBJECT]: { atMost: 20, unit: ' KB' } },
  // What looking at the nodes takes differs by so much from one time to the next.
  cpuMs: { [SUBJECT]: { atMost: 20, unit: ' ms' } },
}

/**
 * What clients cost that do nothing: memory that a proxy takes up while they log in and has not given back, and
 * processor time beyond what it took without them. Once each, in a fresh process: memory is not taken up twice.
 */
export const idleClients = {
  nodes: 3,
  async measure({ withMiddlemen }) {
    return withMiddlemen(startersOf(NAMES, { clients: CLIENTS }), async (middlemen) => {
      const outcomes = new Map()
      for (const [name, middleman] of Object.entries(middlemen))
        outcomes.set(name, middleman.absent === undefined ? await attempt(middleman) : middleman)
      return [
        { figure: 'kilobytes', title: 'resident memory of each', unit: 'KB' },
        {
          figure: 'cpuMs',
          title: `CPU of all over ${WATCHED_SECONDS} s, beyond that without them`,
          unit: 'ms',
        },
      ].map(({ figure, title, unit }) => ({
        title: `${CLIENTS} clients that do nothing: ${title}`,
        unit,
        comparedAs: '',
        rows: [...outcomes].map(([contestant, outcome]) => ({
          contestant,
          ...(outcome.absent === undefined ? alone(outcome[figure]) : { absent: outcome.absent }),
          against: { ...judged(outcome[figure] ?? null, LIMITS[figure][contestant]), value: null },
          note: outcome.note,
        })),
      }))
    })
  },
}

async function attempt(middleman) {
  const clients = []
  try {
    return await watch(middleman, clients)
  } catch (error) {
    return { absent: error.message }
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => {})))
  }
}

async function watch({ url, pid }, clients) {
  await sleep(SETTLE_SECONDS * 1000)
  const kilobytesBefore = residentKilobytes(pid)
  const msBefore = await cpuMsOf(pid)
  await logIn(url, clients)
  await sleep(SETTLE_SECONDS * 1000)
  const msAfter = await cpuMsOf(pid)
  const kilobytesAfter = residentKilobytes(pid)
  const lost = clients.filter((client) => client.connection.stream.destroyed).length
  if (lost > 0) throw new Error(`${lost} of its clients were thrown out`)
  return {
    kilobytes: (kilobytesAfter - kilobytesBefore) / CLIENTS,
    cpuMs: msAfter - msBefore,
    note: `${Math.round(kilobytesBefore / 1024)} MB and ${Math.round(msBefore)} ms without them`,
  }
}

async function cpuMsOf(pid) {
  const [before] = cpuSecondsOf([pid])
  await sleep(WATCHED_SECONDS * 1000)
  return (cpuSecondsOf([pid])[0] - before) * 1000
}

async function logIn(url, clients) {
  while (clients.length < CLIENTS) {
    const some = Array.from({ length: AT_ONCE }, () => {
      const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 30_000 })
      client.on('error', () => {})
      return client
    })
    await Promise.all(some.map((client) => client.connect()))
    clients.push(...some)
  }
}

function alone(median) {
  return { median, min: median, max: median }
}
