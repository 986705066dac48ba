import { type ChildProcess, fork } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { HerdError, type HerdStatus, type NodeStatus } from '@pgherd/core'
import { type HerdSpec, parseSpec } from '@pgherd/core/spec'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { type Herd, herdPaths, nodesOf, openHerd, readIdentity } from '../../src/index.js'
import { chooseServerUser, killAllProcesses } from '../../src/postgres/index.js'
import { findServerProcesses } from '../../src/postgres/server-processes.js'
import { makePrivateFolder } from '../../src/state/durable-file.js'
import type { Secrets } from '../../src/state/herd-identity.js'

/** Long, because two slow cores may be shared with others; what is asserted is the outcome. */
export const PATIENCE_MS = 90_000
const SUPERVISE = fileURLToPath(new URL('supervise.mjs', import.meta.url))

let folder = ''
const herds: Herd[] = []
const states = new Set<string>()
const clients: pg.Client[] = []
const children: ChildProcess[] = []

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'pgherd-herds-')))
  chmodSync(folder, 0o711)
  process.env.PGHERD_DATA = join(folder, 'data')
})

afterEach(async () => {
  await Promise.all(clients.splice(0).map(endClient))
  for (const child of children.splice(0)) await killChild(child)
  await Promise.all(herds.splice(0).map((herd) => herd.leave()))
  for (const state of states) await endServers(state)
  states.clear()
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  expect(existsSync(folder)).toBe(false)
})

/** Every process of every herd in a state folder, whoever supervised it. */
async function endServers(stateDir: string): Promise<void> {
  for (const name of existsSync(stateDir) ? readdirSync(stateDir) : []) {
    const identity = await readIdentity(herdPaths(stateDir, name).identity)
    if (identity === null) continue
    for (const { server } of nodesOf(identity)) {
      await killAllProcesses(server)
      expect(findServerProcesses(server.dataDir)).toEqual({ postmaster: null, others: [] })
    }
    rmSync(identity.dataRoot, { recursive: true, force: true, maxRetries: 5 })
  }
  rmSync(stateDir, { recursive: true, force: true, maxRetries: 5 })
}

let count = 0

/** A state folder of its own; what runs in it is ended after the test. */
export function newStateDir(): string {
  const state = join(folder, `state-${count++}`)
  states.add(state)
  return state
}

/** A spec of small servers on free ports; `yaml` is added to it. */
export function specOf(yaml = ''): HerdSpec {
  const settings = yaml.includes('postgres:') ? '' : 'postgres: { settings: { shared_buffers: 16MB } }\n'
  return parseSpec(`name: scratch\nport: auto\n${settings}${yaml}`, 'test')
}

export interface Scratch {
  herd: Herd
  stateDir: string
  spec: HerdSpec
}

/** Opens a herd that is left and ended after the test. */
export async function open(spec: HerdSpec, stateDir: string): Promise<Herd> {
  states.add(stateDir)
  const herd = await openHerd({ spec, stateDir })
  herds.push(herd)
  return herd
}

export async function wholeHerd(yaml = ''): Promise<Scratch> {
  const [spec, stateDir] = [specOf(yaml), newStateDir()]
  const herd = await open(spec, stateDir)
  await becomeWhole(herd)
  return { herd, stateDir, spec }
}

/** Resolves when the herd is whole; fails with what happened to it when it is not in time. */
export async function becomeWhole(herd: Herd): Promise<void> {
  await herd.whenWhole(PATIENCE_MS).catch(async (error: unknown) => {
    const status = JSON.stringify(await herd.status(), null, 1)
    const events = herd.events.recent().map((event) => `${event.at} ${event.kind}: ${event.message}`)
    throw new Error([String(error), status, readMemory(herd), ...events].join('\n'))
  })
}

function readMemory(herd: Herd): string {
  const file = herd.paths.group('main')
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

/** Resolves when `holds` does; fails with `what` when it does not in time. */
export async function until<T>(
  what: string,
  holds: () => T | Promise<T>,
  patienceMs = PATIENCE_MS,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    const found = await holds()
    if (found) return found as NonNullable<T>
    if (performance.now() > deadline) throw new Error(`Waited ${patienceMs} ms in vain until ${what}`)
    await sleep(10)
  }
}

/** The HerdError that an act ends in. */
export async function failureOf(act: Promise<unknown>): Promise<HerdError> {
  const error = await act.then(
    () => 'nothing was thrown',
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(HerdError)
  return error as HerdError
}

export function nodesIn(status: HerdStatus): Record<string, NodeStatus> {
  return Object.fromEntries(status.groups.flatMap((group) => group.nodes).map((node) => [node.name, node]))
}

export async function nodeIn(herd: Herd, name: string): Promise<NodeStatus> {
  return nodesIn(await herd.status())[name] as NodeStatus
}

export function primaryName(herd: Herd): string {
  return herd.primaryOf()?.name as string
}

export function standbyNames(herd: Herd): string[] {
  return ['main-1', 'main-2', 'main-3'].filter((name) => name !== primaryName(herd))
}

export function kindsOf(herd: Herd): string[] {
  return herd.events.recent().map((event) => event.kind)
}

/** Every process of a node, postmaster first. */
export function processesOf(herd: Herd, name: string): number[] {
  const { postmaster, others } = findServerProcesses(dataOf(herd, name))
  return [...(postmaster === null ? [] : [postmaster]), ...others]
}

/** Kills a node in all its processes. Its backends may end by themselves while the others are killed. */
export function killNode(herd: Herd, name: string): void {
  for (const pid of processesOf(herd, name)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

export function dataOf(herd: Herd, name: string): string {
  return join(realpathSync(join(herd.paths.root, 'nodes')), name, 'data')
}

export function keptOf(herd: Herd, name: string): string[] {
  const kept = join(dataOf(herd, name), '../kept')
  return existsSync(kept) ? readdirSync(kept) : []
}

export function memoryOf(herd: Herd): {
  phase: string
  epoch: number
  primary: string
  successor: string | null
} {
  return JSON.parse(readFileSync(herd.paths.group('main'), 'utf8'))
}

export function secretsOf(herd: Herd): Secrets {
  return JSON.parse(readFileSync(herd.paths.secrets, 'utf8')) as Secrets
}

export async function connect(config: string | pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(
    typeof config === 'string' ? { connectionString: config, connectionTimeoutMillis: 5000 } : config,
  )
  client.on('error', () => {})
  clients.push(client)
  await client.connect()
  return client
}

/** Asks one node as the superuser. */
export async function ask<Row extends pg.QueryResultRow>(
  herd: Herd,
  name: string,
  text: string,
): Promise<Row[]> {
  const client = await connect(herd.dsn(name, 'superuser'))
  const { rows } = await client.query<Row>(text)
  await endClient(client)
  return rows
}

async function endClient(client: pg.Client): Promise<void> {
  await Promise.race([client.end().catch(() => {}), sleep(500)])
  const { stream } = (client as unknown as { connection: { stream: { destroy(): void } } }).connection
  stream.destroy()
}

export interface Supervised {
  child: ChildProcess
  /** Resolves at its first message of this kind. */
  told(kind: 'open' | 'whole' | 'failed'): Promise<Record<string, unknown>>
  /** kill -9 of the supervisor alone. */
  kill(): Promise<void>
}

/** A supervisor in a process of its own, which a test can kill. Runs what `npm run build` made. */
export function supervise(spec: HerdSpec, stateDir: string): Supervised {
  states.add(stateDir)
  const child = fork(SUPERVISE, [JSON.stringify(spec), stateDir], { detached: true, stdio: 'inherit' })
  children.push(child)
  const told: Record<string, unknown>[] = []
  child.on('message', (message) => told.push(message as Record<string, unknown>))
  return {
    child,
    told: (kind) =>
      until(`the supervisor tells that it is ${kind}`, () => {
        const failure = told.find((message) => message.kind === 'failed')
        if (failure !== undefined && kind !== 'failed') throw new Error(String(failure.message))
        return told.find((message) => message.kind === kind)
      }),
    kill: () => killChild(child),
  }
}

async function killChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

export async function prepareState(stateDir: string): Promise<void> {
  await makePrivateFolder(stateDir)
}

export const serverUser = chooseServerUser()

export function skipBecause(reason: string): void {
  process.stdout.write(`skipped: ${reason}\n`)
}
