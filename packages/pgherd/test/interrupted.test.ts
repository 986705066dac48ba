import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  done,
  expectNothingRuns,
  newFolder,
  primaryOf,
  SPEC,
  type Started,
  start,
  until,
} from './scratch-cli.js'

const TIMEOUT = { timeout: 300_000 }
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function up(flags: string[] = []): { cwd: string; started: Started } {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'herd.yaml'), SPEC)
  return { cwd, started: start(['up', ...flags], { cwd }) }
}

/** What is on disk when a creation has come so far. */
const MOMENTS = {
  'before anything is there': async () => {},
  'as it takes the lock': (cwd: string) => whenThere(cwd, 'supervisor.lock'),
  'in the first copy': (cwd: string) => whenThere(cwd, 'nodes/main-1'),
  'as the first server starts': (cwd: string) => whenThere(cwd, 'nodes/main-1/data/postmaster.pid'),
  'as a standby is copied': (cwd: string) => whenThere(cwd, 'nodes/main-2/data.incomplete'),
  'as a standby starts': (cwd: string) => whenThere(cwd, 'nodes/main-2/data/postmaster.pid'),
}

function whenThere(cwd: string, path: string): Promise<unknown> {
  return until(`there is ${path}`, () => existsSync(join(cwd, '.pgherd/scratch', path)))
}

describe('up that is interrupted while it creates the herd leaves nothing running', () => {
  const cases = Object.keys(MOMENTS).flatMap((moment, index) => [
    [moment, SIGNALS[index % 3] as NodeJS.Signals, [] as string[]] as const,
    [moment, SIGNALS[(index + 1) % 3] as NodeJS.Signals, ['--detach']] as const,
  ])
  test.each(cases)('%s, by %s, with %j', TIMEOUT, async (moment, signal, flags) => {
    const { cwd, started } = up(flags)
    await MOMENTS[moment as keyof typeof MOMENTS](cwd)
    started.child.kill(signal)
    const { stdout, stderr } = await started.ended
    expect(stdout + stderr).not.toMatch(/\n\s+at .*:\d+:\d+/)
    // A command that dies before it has handlers may leave its child a moment to see that.
    await until('all of it is gone', () => {
      try {
        expectNothingRuns(cwd)
        return true
      } catch {
        return false
      }
    })
    // And what there is can be carried on with.
    await done(['up', '--detach'], { cwd })
    expect(await primaryOf(cwd)).toBe('main-1')
  })
})

describe('up in the foreground ends in order, and keeps the data', () => {
  test.each(SIGNALS)('by %s', TIMEOUT, async (signal) => {
    const { cwd, started } = up()
    await until('it is up', () => started.output().includes('psql "postgres://'))
    await done(['sql', 'create table kept (n int)'], { cwd })
    started.child.kill(signal)
    const { code, stdout, stderr } = await started.ended
    expect(code).toBe(0)
    expect(stderr).toBe('')
    expect(stdout).toContain('Stopping every server; the data stays.')
    expect(stdout).not.toContain('\u001b')
    expectNothingRuns(cwd)
    await done(['up', '--detach'], { cwd })
    await done(['sql', 'select from kept'], { cwd })
  })
})

test('up in the foreground ends when down is given elsewhere', TIMEOUT, async () => {
  const { cwd, started } = up(['--json'])
  const line = await until('it prints its status', () => started.output().trim())
  expect(JSON.parse(line)).toMatchObject({ name: 'scratch', dsn: expect.stringMatching(/^postgres:/) })
  await done(['down'], { cwd })
  expect((await started.ended).code).toBe(0)
  expectNothingRuns(cwd)
})

test('a detached supervisor that gets a signal stops the herd in order', TIMEOUT, async () => {
  const { cwd, started } = up(['--detach'])
  expect((await started.ended).code).toBe(0)
  const { readFileSync } = await import('node:fs')
  const { pid } = JSON.parse(readFileSync(join(cwd, '.pgherd/scratch/supervisor.lock'), 'utf8'))
  process.kill(pid, 'SIGTERM')
  await until('it is gone', () => !existsSync(join(cwd, '.pgherd/scratch/supervisor.lock')))
  // It gives up its lock last, and then it ends.
  await until('all of it is gone', () => {
    try {
      expectNothingRuns(cwd)
      return true
    } catch {
      return false
    }
  })
})
