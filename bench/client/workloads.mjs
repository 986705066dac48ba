import pg from 'pg'
import { percentile } from '../figures.mjs'
import { GUARD, ROWS, randomId, readGuarded } from './statements.mjs'

/**
 * What a contestant is told to do for one round. Each takes the opened contestant and plain arguments, and
 * resolves to plain figures; they run in the contestant's own process.
 */
export const WORKLOADS = { reads, latency, transactions, mix, beside }

const TRUSTED_AFTER = 200
/**
 * What is not counted at the start of a turn: while others had theirs, a pool may have closed connections it
 * did not use (`pg.Pool` does after 10 s), and opening them again is not what is measured.
 */
const SETTLE_SECONDS = 0.3
let shapes = 0

/** Callers that ask for one row after the other. */
async function reads(contestant, { callers, seconds }) {
  return perSecond(callers, seconds, contestant, () => readOne(contestant))
}

/** One caller: how long each of its reads takes. */
async function latency(contestant, { seconds }) {
  const tookUs = []
  await during(SETTLE_SECONDS, () => readOne(contestant))
  await during(seconds, async () => {
    const beganMs = performance.now()
    await readOne(contestant)
    tookUs.push((performance.now() - beganMs) * 1000)
  })
  return { medianUs: percentile(tookUs, 50), p99Us: percentile(tookUs, 99) }
}

/** Callers that run one transaction of five statements after the other. */
async function transactions(contestant, { callers, seconds, writes }) {
  return perSecond(callers, seconds, contestant, () =>
    contestant.transact([randomId(), randomId(), randomId()], writes),
  )
}

/**
 * Callers that write one time in ten and otherwise read. Each has rows that nobody else writes, and a tenth
 * of its reads is of the row it wrote last: a read that does not show the caller's own write is counted.
 */
async function mix(contestant, { callers, seconds }) {
  const each = Math.floor(ROWS / callers)
  let stale = 0
  const figures = await perSecond(callers, seconds, contestant, (caller, memory) => {
    const mine = () => 1 + caller * each + Math.floor(Math.random() * each)
    if (Math.random() < 0.1) return write(mine(), memory)
    return read(memory.last !== undefined && Math.random() < 0.1 ? memory.last : mine(), memory)
  })
  return { ...figures, stale }

  async function write(id, memory) {
    const { balance } = await contestant.add(id)
    memory[id] = balance
    memory.last = id
  }
  async function read(id, memory) {
    const { balance } = await contestant.read(id)
    if (balance < (memory[id] ?? 0)) stale++
  }
}

/**
 * Fast statements at a fixed pace, and beside them, on the same pool, one that takes two seconds (or none).
 * The pace does not wait for answers, and a statement's time counts from the moment it was due: a statement
 * that is held up is one slow statement, and does not hide the others that came after it.
 */
async function beside(contestant, { callers, everyMs, slow, url }) {
  const tookMs = []
  const problems = []
  await perSecond(callers, 0, contestant, () => readOne(contestant))
  const { start, guard } = await prepareSlow(contestant, slow, url)
  const beganMs = performance.now()
  const endsMs = beganMs + 2000
  const slowOne = start?.()
  slowOne?.catch((error) => problems.push(error))
  const asked = []
  // Callers are spread over the interval, as they are in life.
  const due = Array.from({ length: callers }, (_, caller) => beganMs + 5 + (caller * everyMs) / callers)
  for (let next = 0; ; next = (next + 1) % callers) {
    const dueMs = due[next]
    if (dueMs >= endsMs - 5) break
    while (performance.now() < dueMs) await new Promise((resolve) => setTimeout(resolve, 1))
    asked.push(
      readOne(contestant).then(
        () => tookMs.push(performance.now() - dueMs),
        (error) => problems.push(error),
      ),
    )
    due[next] += everyMs
  }
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, endsMs - performance.now())))
  await guard?.release()
  await slowOne
  const slowTookMs = performance.now() - beganMs
  await Promise.all(asked)
  if (problems.length > 0) throw problems[0]
  if (start !== null && slowTookMs < 1990)
    throw new Error(`the slow statement took ${Math.round(slowTookMs)} ms only`)
  return { p99Ms: percentile(tookMs, 99), maxMs: Math.max(...tookMs), statements: tookMs.length }
}

/**
 * What takes two seconds: nothing; a text that says so; a read, of a shape never seen, that waits for a lock;
 * or such a read of a shape that was always fast until now.
 */
async function prepareSlow(contestant, slow, url) {
  if (slow === 'none') return { start: null, guard: null }
  if (slow === 'sleep') return { start: () => contestant.sleep(), guard: null }
  const text = readGuarded(`g${++shapes}`)
  if (slow === 'trusted') for (let id = 1; id <= TRUSTED_AFTER; id++) await contestant.one(text, id)
  return { start: () => contestant.one(text, 7), guard: await lockGuarded(url) }
}

/** Holds the table from a connection outside of the pool. */
async function lockGuarded(url) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`begin; ${GUARD}`)
  return {
    async release() {
      await client.query('commit')
      await client.end()
    },
  }
}

async function readOne(contestant) {
  const id = randomId()
  const row = await contestant.read(id)
  if (row?.id !== id) throw new Error(`asked for row ${id}, was given ${JSON.stringify(row)}`)
}

/** What is answered once the contestant has settled and until the time is over counts. */
async function perSecond(callers, seconds, contestant, once) {
  let answered = 0
  let figures = null
  let beganMs = 0
  const begin = () => {
    answered = 0
    beganMs = performance.now()
    timer = setTimeout(end, seconds * 1000)
  }
  const end = () => {
    figures = { perSecond: (answered / (performance.now() - beganMs)) * 1000 }
  }
  let timer = setTimeout(begin, SETTLE_SECONDS * 1000)
  const call = async (caller) => {
    const memory = {}
    while (figures === null) {
      await once(caller, memory)
      answered++
    }
  }
  try {
    await Promise.all(
      Array.from({ length: callers }, (_, caller) => contestant.inSession(() => call(caller))),
    )
  } finally {
    clearTimeout(timer)
    // One failed: the others stop too.
    figures ??= {}
  }
  return figures
}

async function during(seconds, once) {
  const endsMs = performance.now() + seconds * 1000
  while (performance.now() < endsMs) await once()
}
