import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { HerdStatus } from '@pgherd/core'
import { afterAll, beforeAll, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const run = promisify(execFile)

let folder: string
let started: ChildProcess | null = null

/** What a clone of the working tree as it is now would hold. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clone-'))
  const { stdout } = await run('git', ['ls-files', '-z', '-co', '--exclude-standard'], { cwd: ROOT })
  for (const path of stdout.split('\0').filter((each) => each !== ''))
    await cp(join(ROOT, path), join(folder, path)).catch(ignoreDeleted)
})

afterAll(async () => {
  if (started?.pid !== undefined && started.exitCode === null) process.kill(-started.pid, 'SIGKILL')
  await pgherd('down', '--destroy', '--yes').catch(() => {})
  await rm(folder, { recursive: true, force: true })
})

test('npm start in a fresh clone installs, builds and serves; a signal ends it in order', {
  timeout: 400_000,
}, async () => {
  const child = spawn('npm', ['start', '--', '--port', 'auto'], {
    cwd: folder,
    detached: true,
    stdio: 'pipe',
  })
  started = child
  const output: string[] = []
  child.stdout?.on('data', (chunk) => output.push(String(chunk)))
  child.stderr?.on('data', (chunk) => output.push(String(chunk)))
  const ended = once(child, 'exit')

  const status = await whenUp(() => child.exitCode === null)
  expect(status, output.join('')).toMatchObject({ groups: [{ name: 'main' }] })
  expect(status?.groups[0]?.nodes.map((node) => node.role)).toEqual(['primary', 'standby', 'standby'])

  child.kill('SIGINT')
  await Promise.race([ended, sleep(60_000).then(() => expect.fail(`npm start goes on:\n${output.join('')}`))])
  expect(stillRunning(status), output.join('')).toEqual([])
})

async function whenUp(isAlive: () => boolean): Promise<HerdStatus | null> {
  while (isAlive()) {
    const status = await pgherd('status', '--json').catch(() => null)
    if (status?.groups.every((group) => group.nodes.every((node) => node.state === 'running'))) return status
    await sleep(250)
  }
  return null
}

async function pgherd(...args: string[]): Promise<HerdStatus> {
  const { stdout } = await run(join(folder, 'node_modules/.bin/pgherd'), args, { cwd: folder })
  return JSON.parse(stdout) as HerdStatus
}

/** Which of the servers that were seen running still are. */
function stillRunning(status: HerdStatus | null): number[] {
  const pids = status?.groups.flatMap((group) => group.nodes.flatMap((node) => node.pid ?? [])) ?? []
  return pids.filter(isAlive)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function ignoreDeleted(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
