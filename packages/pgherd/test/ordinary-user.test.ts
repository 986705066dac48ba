import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  mkdirSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  BIN,
  done,
  expectNothingRuns,
  newFolder,
  pgherd,
  type RunOptions,
  SPEC,
  skipBecause,
} from './scratch-cli.js'

const TIMEOUT = { timeout: 300_000 }
const NOBODY = 65534
const isRoot = process.getuid?.() === 0
const why = whyNot()
if (why !== null) skipBecause(why)

/** As root another account is taken on; else this one is ordinary already. */
function whyNot(): string | null {
  if (!isRoot) return null
  try {
    accessSync('/usr/bin/setpriv', constants.X_OK)
  } catch {
    return 'this is root, and there is no setpriv to be somebody else with'
  }
  for (const path of [process.execPath, BIN]) {
    for (let at = path; at !== '/'; at = join(at, '..'))
      if ((statSync(at).mode & 0o001) === 0 && at !== BIN) return `others than root cannot reach ${path}`
  }
  return null
}

function asUser(cwd: string, env: Record<string, string> = {}): RunOptions {
  const through = isRoot
    ? ['/usr/bin/setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
    : []
  return { cwd, through, env: { HOME: cwd, PGHERD_CACHE: join(cwd, 'cache'), ...env } }
}

function ownFolder(): string {
  const cwd = newFolder()
  if (isRoot) chownSync(cwd, NOBODY, NOBODY)
  return cwd
}

test.runIf(why === null)(
  'an ordinary user has a herd of their own, with its data in the state folder',
  TIMEOUT,
  async () => {
    const cwd = ownFolder()
    writeFileSync(join(cwd, 'herd.yaml'), SPEC)
    const user = asUser(cwd)
    await done(['up', '--detach'], user)
    expect(readdirSync(join(cwd, '.pgherd/scratch/nodes')).sort()).toEqual(['main-1', 'main-2', 'main-3'])
    expect(statSync(join(cwd, '.pgherd/scratch')).mode & 0o777).toBe(0o700)
    await done(['chaos', 'kill', 'main-1'], user)
    await done(['status', '--json'], user)
    await done(['down', '--destroy', '--yes'], user)
    expectNothingRuns(cwd)
  },
)

test.runIf(why === null)(
  'I9: a state folder that cannot be written is refused with its path',
  TIMEOUT,
  async () => {
    const cwd = ownFolder()
    const locked = join(cwd, 'locked')
    mkdirSync(locked)
    chmodSync(locked, 0o555)
    for (const flags of [[], ['--detach']]) {
      const { code, stderr } = await pgherd(
        ['up', '--port', 'auto', '--state', join(locked, 'state'), ...flags],
        asUser(cwd),
      )
      expect(code).toBe(1)
      expect(stderr).toMatch(
        /^PERMISSION_DENIED: .*locked\/state.* cannot be written by this user\.\nChoose another folder with --state DIR/,
      )
    }
    expectNothingRuns(cwd)
  },
)

test.runIf(why === null)(
  'a working directory that cannot be written is no hindrance with --state elsewhere',
  TIMEOUT,
  async () => {
    const cwd = ownFolder()
    const locked = join(cwd, 'locked')
    mkdirSync(locked)
    chmodSync(locked, 0o555)
    const state = join(cwd, '.pgherd')
    const user = { ...asUser(cwd), cwd: locked }
    await done(['up', '--detach', '--port', 'auto', '--state', state], user)
    expect(await done(['sql', 'select 1 as one', '--state', state], user)).toContain('one')
    await done(['down', '--destroy', '--yes', '--state', state], user)
    const refused = await pgherd(['init'], user)
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^PERMISSION_DENIED: herd\.yaml cannot be written/),
    })
  },
)

test.runIf(why === null && isRoot)(
  'I9: the herd of another user is refused without a stack trace',
  TIMEOUT,
  async () => {
    const cwd = newFolder()
    writeFileSync(join(cwd, 'herd.yaml'), `${SPEC}groups: [{ nodes: 1 }]\n`)
    await done(['up', '--detach'], { cwd })
    for (const args of [
      ['status'],
      ['up'],
      ['up', '--detach'],
      ['down'],
      ['sql', 'select 1'],
      ['dsn'],
      ['logs'],
    ]) {
      const { code, stderr } = await pgherd(args, asUser(cwd))
      expect(code, args.join(' ')).toBe(1)
      expect(stderr).toMatch(/^(PERMISSION_DENIED|HERD_NOT_FOUND): /)
    }
  },
)
