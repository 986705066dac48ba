import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  BIN,
  done,
  expectNothingRuns,
  newFolder,
  primaryOf,
  SPEC,
  type Started,
  skipBecause,
  startProgram,
  until,
  whenWhole,
} from './scratch-cli.js'

const TIMEOUT = { timeout: 300_000 }
const ESC = String.fromCharCode(27)
const ESCAPES = new RegExp(`${ESC}\\[[0-9;?]*[A-Za-z]`, 'g')

const hasScript = (() => {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux')
  } catch {
    return false
  }
})()
if (!hasScript) skipBecause('there is no util-linux "script" to make a terminal with')

/** A session in a terminal of its own; what is written to its standard input are keys. */
function inTerminal(command: string, cwd: string, env: Record<string, string> = {}): Started {
  const size = 'stty rows 50 cols 160'
  const line = `${size}; exec '${process.execPath}' '${BIN}' ${command}`
  return startProgram(['script', '-qefc', line, '/dev/null'], { cwd, env })
}

function newHerd(): string {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'herd.yaml'), SPEC)
  return cwd
}

test.runIf(hasScript)(
  'the live view shows roles, obeys its keys, and gives the terminal back',
  TIMEOUT,
  async () => {
    const cwd = newHerd()
    const session = inTerminal('up', cwd)
    const seen = (): string => session.output().replace(ESCAPES, '')
    await until('all nodes serve', () => seen().includes('all nodes serve'))
    expect(session.output()).toContain('\u001b[')
    // A view may come in pieces.
    for (const part of [/main-1 +primary +running/, /main-2 +standby +running/, /kill the primary/])
      await until(`${part} is shown`, () => part.test(seen()))

    session.child.stdin?.write('k')
    await until('the failover is shown', () => /is the primary now \(epoch 2/.test(seen()))
    await whenWhole(cwd)
    expect(await primaryOf(cwd)).not.toBe('main-1')
    const before = await primaryOf(cwd)
    session.child.stdin?.write('s')
    await until('the switchover is shown', () => /is the primary now \(epoch 3/.test(seen()))
    expect(await primaryOf(cwd)).not.toBe(before)
    session.child.stdin?.write('l')
    await until('server logs are shown', () => /Log of main-1 \(.*postgres\.log\)/.test(seen()))
    await whenWhole(cwd)

    session.child.stdin?.write('q')
    const { code } = await session.ended
    expect(code).toBe(0)
    expect(seen()).toContain('Stopping every server; the data stays.')
    // The cursor is shown again.
    const lastIndexOf = (code: string): number => session.output().lastIndexOf(`${ESC}[?25${code}`)
    expect(lastIndexOf('h')).toBeGreaterThan(lastIndexOf('l') - 1)
    expectNothingRuns(cwd)
  },
)

test.runIf(hasScript)('Ctrl-C in the live view stops the herd', TIMEOUT, async () => {
  const cwd = newHerd()
  const session = inTerminal('up', cwd)
  await until('the view is there', () => session.output().includes('kill the primary'))
  session.child.stdin?.write('\u0003')
  await session.ended
  expectNothingRuns(cwd)
})

test.runIf(hasScript)('a terminal that is closed stops the herd', TIMEOUT, async () => {
  const cwd = newHerd()
  const session = inTerminal('up', cwd)
  await until('all nodes serve', () => session.output().includes('all nodes serve'))
  // Its end of the pseudo-terminal goes with it, so that the session gets SIGHUP.
  session.child.kill('SIGKILL')
  await until('all of it is gone', () => {
    try {
      expectNothingRuns(cwd)
      return true
    } catch {
      return false
    }
  })
  await done(['up', '--detach'], { cwd })
  await whenWhole(cwd)
})

test.runIf(hasScript)(
  'NO_COLOR is honoured on a terminal, where there is colour otherwise',
  TIMEOUT,
  async () => {
    const cwd = newHerd()
    await done(['up', '--detach'], { cwd })
    const coloured = await inTerminal('status', cwd).ended
    expect(coloured.stdout).toMatch(new RegExp(`${ESC}\\[[0-9]+m`))
    const plain = await inTerminal('status', cwd, { NO_COLOR: '1' }).ended
    expect(plain.stdout).not.toContain('\u001b')
    expect(plain.stdout).toMatch(/main-1 +primary +running/)
  },
)

test.runIf(hasScript)('on a terminal down --destroy asks, and no means no', TIMEOUT, async () => {
  const cwd = newHerd()
  await done(['up', '--detach'], { cwd })
  const session = inTerminal('down --destroy', cwd)
  await until('it asks', () => /Delete all data of "scratch": 3 nodes in/.test(session.output()))
  session.child.stdin?.write('n')
  const { stdout } = await session.ended
  expect(stdout).toContain('Nothing was done: "scratch" is as it was.')
  await whenWhole(cwd)
})
