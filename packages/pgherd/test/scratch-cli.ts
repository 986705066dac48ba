import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { HerdStatus, NodeStatus } from '@pgherd/core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'

/** What `npm run build` made; these tests are about the program a person runs. */
export const BIN = fileURLToPath(new URL('../dist/bin.js', import.meta.url))
export const PATIENCE_MS = 90_000
/** Small servers on ports that nobody else has. */
export const SPEC = 'name: scratch\nport: auto\npostgres: { settings: { shared_buffers: 16MB } }\n'

let root = ''
let count = 0
const folders: string[] = []
const children: ChildProcess[] = []

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'pgherd-cli-')))
  // Run as root, servers belong to another account, which must be able to pass.
  chmodSync(root, 0o711)
})

afterEach(async () => {
  for (const child of children.splice(0)) await endChild(child)
  for (const folder of folders.splice(0)) {
    const state = join(folder, '.pgherd')
    for (const name of entriesOf(state))
      await pgherd(['down', '--name', name, '--destroy', '--yes'], { cwd: folder })
    expect(processesIn(folder)).toEqual([])
  }
})

afterAll(() => {
  expect(processesIn(root)).toEqual([])
  rmSync(root, { recursive: true, force: true, maxRetries: 5 })
})

/** What is in a folder; nothing where there is none. */
function entriesOf(path: string): string[] {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(path) : []
}

/** A folder of its own for a test; herds in it are destroyed afterwards. */
export function newFolder(name = `folder-${count++}`): string {
  const folder = join(root, name)
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  folders.push(folder)
  return folder
}

export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  cwd: string
  env?: Record<string, string | undefined>
  /** What runs the program: the CLI itself, or that under another. */
  through?: string[]
}

export interface Started {
  child: ChildProcess
  /** Everything it has printed until now. */
  output(): string
  ended: Promise<Outcome>
}

/** Starts the CLI without waiting for it. It is ended after the test if it has not ended by itself. */
export function start(args: readonly string[], options: RunOptions): Started {
  return startProgram([...(options.through ?? []), process.execPath, BIN, ...args], options)
}

export function startProgram(command: readonly string[], { cwd, env = {} }: RunOptions): Started {
  const [program, ...rest] = command as [string, ...string[]]
  const child = spawn(program, rest, { cwd, env: environment(env), stdio: 'pipe' })
  children.push(child)
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  child.stdin?.on('error', () => {})
  const ended = new Promise<Outcome>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
  return { child, output: () => stdout + stderr, ended }
}

/** Runs the CLI to its end, without a terminal and with nothing to read. */
export async function pgherd(args: readonly string[], options: RunOptions): Promise<Outcome> {
  const started = start(args, options)
  started.child.stdin?.end()
  const outcome = await started.ended
  expect(outcome.stdout + outcome.stderr, `pgherd ${args.join(' ')}`).not.toMatch(/\n\s+at .*:\d+:\d+/)
  return outcome
}

/** Runs it and expects success; resolves to what it printed. */
export async function done(args: readonly string[], options: RunOptions): Promise<string> {
  const outcome = await pgherd(args, options)
  expect(outcome, `pgherd ${args.join(' ')}`).toMatchObject({ code: 0 })
  return outcome.stdout
}

function environment(env: Record<string, string | undefined>): NodeJS.ProcessEnv {
  const { NO_COLOR: _no, FORCE_COLOR: _force, CI: _ci, ...inherited } = process.env
  return { ...inherited, PGHERD_DATA: join(root, 'data'), TERM: 'xterm-256color', ...env }
}

export async function statusOf(cwd: string): Promise<HerdStatus> {
  return JSON.parse(await done(['status', '--json'], { cwd })) as HerdStatus
}

export async function nodesOf(cwd: string): Promise<Record<string, NodeStatus>> {
  const { groups } = await statusOf(cwd)
  return Object.fromEntries(groups.flatMap((group) => group.nodes).map((node) => [node.name, node]))
}

export async function primaryOf(cwd: string): Promise<string> {
  return until('there is a primary', async () => {
    const nodes = Object.values(await nodesOf(cwd))
    return nodes.find((node) => node.role === 'primary' && node.state === 'running')?.name
  })
}

/** One primary and every other node streaming from it. */
export async function whenWhole(cwd: string): Promise<void> {
  await until('the herd is whole', async () => {
    const { groups } = await statusOf(cwd)
    return groups.every(({ phase, nodes }) => {
      const standbys = nodes.filter((node) => node.role === 'standby' && node.sync === 'quorum')
      return phase === 'steady' && standbys.length === nodes.length - 1
    })
  })
}

export async function until<T>(what: string, holds: () => T | Promise<T>): Promise<NonNullable<T>> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const found = await holds()
    if (found) return found as NonNullable<T>
    if (performance.now() > deadline) throw new Error(`Waited in vain until ${what}`)
    await sleep(30)
  }
}

/** Command lines of processes that have this folder in theirs: servers, supervisors. */
export function processesIn(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => commandOf(name))
    .filter(
      (command) => command.includes(folder) || dataFoldersOf(folder).some((data) => command.includes(data)),
    )
}

/** As root the data of a herd is not in its state folder, which then only leads there. */
function dataFoldersOf(folder: string): string[] {
  const state = join(folder, '.pgherd')
  return entriesOf(state).flatMap((name) => {
    const nodes = join(state, name, 'nodes')
    return existsSync(nodes) ? [realpathSync(nodes)] : []
  })
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}

/** Neither process nor socket nor lock is left of the herds of a folder. */
export function expectNothingRuns(folder: string): void {
  expect(processesIn(folder)).toEqual([])
  const state = join(folder, '.pgherd')
  for (const name of entriesOf(state)) {
    const left = readdirSync(join(state, name)).filter((file) => /lock|sock|stale|takeover|\.new$/.test(file))
    expect(left).toEqual([])
  }
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

export function skipBecause(reason: string): void {
  process.stdout.write(`skipped: ${reason}\n`)
}
