import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Herd } from '@pgherd/cluster'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { connect, nodesOfHerd, PATIENCE_MS, scratchHerd, until } from './scratch-herd.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const NAME = 'nothing-left-open'

let herd: Herd
let nodes: string[]
const children: ChildProcess[] = []

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
  await (await connect(herd.dsn('main-1'))).query('create table notes (note text not null)')
}, 120_000)

beforeEach(() => herd.whenWhole(PATIENCE_MS))

afterEach(() => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL')
})

interface Program {
  /** What it has printed so far, a line each. */
  readonly lines: string[]
  readonly errors: () => string
  /** Tells it to go on with what comes after `goAhead()`. */
  goOn(): void
  /** How it ended, and how long that took from `goOn`. */
  readonly ended: Promise<{ code: number | null; afterMs: number }>
}

/** A program of its own that uses a pool; it runs what was built, as an application does. */
function start(body: string, options: object = {}): Program {
  const script = `
    import { createPool } from '@pgherd/client'
    const goAhead = async () => { for await (const _ of process.stdin); }
    const options = { nodes: JSON.parse(process.env.NODES), application_name: '${NAME}', idleTimeoutMillis: 60_000, ...JSON.parse(process.env.OPTIONS) }
    const pool = createPool(options)
    ${body}
    console.log('open at the end:' + process.getActiveResourcesInfo().filter((kind) => /TCP|Timeout/.test(kind)).join(' '))`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: ROOT,
    env: { ...process.env, NODES: JSON.stringify(nodes), OPTIONS: JSON.stringify(options) },
  })
  children.push(child)
  let [errors, toldMs] = ['', 0]
  const lines: string[] = []
  child.stdout.on('data', (bytes: Buffer) => lines.push(...bytes.toString().trim().split('\n')))
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString()
  })
  return {
    lines,
    errors: () => errors,
    goOn() {
      toldMs = performance.now()
      child.stdin.end()
    },
    ended: once(child, 'close').then(([code]) => ({ code, afterMs: performance.now() - toldMs })),
  }
}

/** Every node was asked, and none of the program's sessions is left on it. */
async function expectNoSessions(): Promise<void> {
  for (const name of ['main-1', 'main-2', 'main-3']) {
    const admin = await connect(herd.dsn(name, 'superuser'))
    await until(`${name} has no session of it`, async () => {
      const { rows } = await admin.query(
        'select count(*)::int as n from pg_stat_activity where application_name = $1',
        [NAME],
      )
      return rows[0].n === 0
    })
  }
}

/** Far less than what was left open would keep it for, and far more than a busy machine needs. */
const SOON_MS = 20_000

async function expectEnded(program: Program): Promise<void> {
  const { code, afterMs } = await program.ended
  expect([code, program.errors(), program.lines.at(-1)]).toEqual([0, '', 'open at the end:'])
  expect(afterMs).toBeLessThan(SOON_MS)
  await expectNoSessions()
}

const USE = `
    await pool.query('select 1')
    await Promise.all(Array.from({ length: 40 }, () => pool.query('select count(*) from notes')))
    await Promise.all(Array.from({ length: 5 }, () => pool.query("insert into notes values ('x')")))
    await pool.transaction((tx) => tx.query('select 1'), { readOnly: true })
    await pool.session(async () => { await pool.query("insert into notes values ('y')"); await pool.query('select 1 from notes') })
    console.log('used')`

test('a program ends as soon as its pool has, and no server has a session of it', async () => {
  const program = start(`${USE}
    await goAhead()
    await pool.end()`)
  await until('it has used the pool', () => program.lines.includes('used'))
  const admin = await connect(herd.dsn('main-2', 'superuser'))
  const { rows } = await admin.query(
    'select count(*)::int as n from pg_stat_activity where application_name = $1',
    [NAME],
  )
  expect(rows[0].n).toBeGreaterThanOrEqual(2)
  program.goOn()
  await expectEnded(program)
})

test('end() while statements, transactions and clients are under way waits for them, and for nothing else', async () => {
  const program = start(`${USE}
    const client = await pool.connect()
    const work = [
      pool.query('select pg_sleep(0.5), 1 as n').then(({ rows }) => rows[0].n),
      pool.query("insert into notes select 'slow' from pg_sleep(0.5)").then(({ rowCount }) => rowCount),
      client.query('select pg_sleep(0.5)').then(() => 1).finally(() => client.release()),
      ...Array.from({ length: 20 }, (_, n) => pool.query('select 1 as n, $1::int', [n]).then(({ rows }) => rows[0].n)),
    ]
    await goAhead()
    const ending = pool.end()
    console.log('answers: ' + (await Promise.all(work)).reduce((a, b) => a + b))
    await ending`)
  await until('it has used the pool', () => program.lines.includes('used'))
  program.goOn()
  await expectEnded(program)
  expect(program.lines).toContain('answers: 23')
})

test('after a failover', { timeout: 120_000 }, async () => {
  const program = start(`${USE}
    let failovers = 0
    pool.on('failover', () => failovers++)
    const until = performance.now() + 60_000
    while (failovers === 0 && performance.now() < until) await pool.query('select count(*) from notes')
    await pool.query("insert into notes values ('z')")
    console.log('failed over')
    await goAhead()
    await pool.end()`)
  await until('it has used the pool', () => program.lines.includes('used'))
  await herd.disturb(herd.primaryOf()?.name as string, 'kill')
  await until('it has failed over', () => program.lines.includes('failed over') || program.errors() !== '')
  expect(program.errors()).toBe('')
  await herd.whenWhole(PATIENCE_MS)
  program.goOn()
  await expectEnded(program)
})

test.each(['a standby', 'all standbys'])('with %s that hangs', async (which) => {
  const program = start(
    `${USE}
    await goAhead()
    await pool.end()`,
    { probe: { timeoutMs: 500 } },
  )
  await until('it has used the pool', () => program.lines.includes('used'))
  const standbys = ['main-1', 'main-2', 'main-3'].filter((name) => name !== herd.primaryOf()?.name)
  const hung = which === 'a standby' ? standbys.slice(1) : standbys
  for (const name of hung) await herd.disturb(name, 'pause')
  try {
    program.goOn()
    const { code, afterMs } = await program.ended
    expect([code, program.errors(), program.lines.at(-1)]).toEqual([0, '', 'open at the end:'])
    expect(afterMs).toBeLessThan(SOON_MS)
  } finally {
    for (const name of hung) await herd.disturb(name, 'resume')
  }
  await expectNoSessions()
})

test('with a write under way that waits for standbys that hang: when its outcome is called unknown', async () => {
  const program = start(`${USE}
    const write = pool.query("insert into notes values ('never')", ).then(() => 'written', (error) => error.code)
    await goAhead()
    const late = pool.query({ text: "insert into notes values ('late')", signal: AbortSignal.timeout(500) }).catch((error) => error.code)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const ending = pool.end()
    console.log(await late)
    await ending
    console.log(await write)`)
  await until('it has used the pool', () => program.lines.includes('used'))
  const standbys = ['main-1', 'main-2', 'main-3'].filter((name) => name !== herd.primaryOf()?.name)
  for (const name of standbys) await herd.disturb(name, 'pause')
  try {
    program.goOn()
    await until('the late one has been given up', () => program.lines.includes('OUTCOME_UNKNOWN'))
  } finally {
    for (const name of standbys) await herd.disturb(name, 'resume')
  }
  const { code } = await program.ended
  expect([code, program.errors()]).toEqual([0, ''])
  await expectNoSessions()
})

test('with nodes that were never there', async () => {
  const program = start(
    `console.log(await pool.query('select 1').catch((error) => error.code))
    console.log(await pool.connect().catch((error) => error.code))
    await goAhead()
    await pool.end()`,
    { nodes: ['postgres://app@127.0.0.1:1/app', 'postgres://app@127.0.0.1:2/app'] },
  )
  await until('it has tried', () => program.lines.length === 2)
  program.goOn()
  await expectEnded(program)
  expect(program.lines.slice(0, 2)).toEqual(['NODES_UNREACHABLE', 'NODES_UNREACHABLE'])
})
