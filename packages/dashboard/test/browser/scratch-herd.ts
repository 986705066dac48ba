import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { HerdStatus } from '../../src/store/topology.js'

/** What `npm run build` made: the page is tested as people get it. */
const BIN = fileURLToPath(new URL('../../../pgherd/dist/bin.js', import.meta.url))
const PATIENCE_MS = 60_000

/** A group that can fail over, and two shards. */
const SPEC = `
name: seen
port: auto
api: { port: auto }
postgres: { settings: { shared_buffers: 16MB } }
groups:
  - { name: main, nodes: 3 }
  - { name: s, count: 2, nodes: 1, durability: fast }
sharding:
  groups: [s1, s2]
  tables:
    orders: { key: id }
    countries: { kind: reference }
`

/** A herd with its control API, supervised by a process that a test may kill. */
export class ScratchHerd {
  readonly #folder: string
  #supervisor: ChildProcess | null = null
  url = ''

  constructor(spec = SPEC) {
    this.#folder = mkdtempSync(join(tmpdir(), 'seen-'))
    // Run as root, servers belong to another account, which must be able to pass.
    chmodSync(this.#folder, 0o755)
    writeFileSync(join(this.#folder, 'herd.yaml'), spec)
  }

  /** Brings it up, or back; resolves when the API answers. */
  async up(): Promise<void> {
    const supervisor = spawn(process.execPath, [BIN, 'up', 'herd.yaml'], {
      cwd: this.#folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output: string[] = []
    supervisor.stdout.on('data', (chunk) => output.push(String(chunk)))
    supervisor.stderr.on('data', (chunk) => output.push(String(chunk)))
    this.#supervisor = supervisor
    const deadline = performance.now() + PATIENCE_MS
    for (;;) {
      const status = await this.status().catch(() => null)
      if (status !== null && status.api !== null && isWhole(status)) {
        this.url = status.api.url
        return
      }
      if (performance.now() > deadline || supervisor.exitCode !== null)
        throw new Error(`Waited in vain for the herd: ${output.join('')}`)
      await sleep(100)
    }
  }

  async status(): Promise<HerdStatus> {
    return JSON.parse(await this.run('status', '--json')) as HerdStatus
  }

  async run(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [BIN, ...args], { cwd: this.#folder })
    return stdout
  }

  /** Kills the supervisor, and with it the API; servers go on. */
  async killSupervisor(): Promise<void> {
    const supervisor = this.#supervisor
    if (supervisor === null || supervisor.exitCode !== null || supervisor.signalCode !== null) return
    const gone = new Promise((resolve) => supervisor.once('exit', resolve))
    supervisor.kill('SIGKILL')
    await gone
  }

  async whole(): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS
    while (!isWhole(await this.status())) {
      if (performance.now() > deadline) throw new Error('Waited in vain until the herd is whole')
      await sleep(100)
    }
  }

  async destroy(): Promise<void> {
    await this.run('down', '--destroy', '--yes')
    await this.killSupervisor()
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

function isWhole({ groups }: HerdStatus): boolean {
  return groups.every(
    ({ phase, nodes }) =>
      phase === 'steady' &&
      nodes.every((node) => node.state === 'running' && (node.role === 'primary' || node.sync === 'quorum')),
  )
}
