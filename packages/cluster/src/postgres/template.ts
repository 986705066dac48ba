import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { HerdError } from '@pgherd/core'
import type { Binaries } from './binaries.js'
import { cacheFolder } from './cache-folder.js'
import { type ServerUser, spawnIdentity } from './server-user.js'
import { classifyStartFailure } from './start-failure.js'

/** A freshly made, never started data directory; copying it is 20 times faster than `initdb`. */
export interface Template {
  dir: string
  superuserPassword: string
}

/** Grows when `initdb` is called differently, so that older templates are not taken for new ones. */
const RECIPE = 1
const UNFINISHED = '.unfinished-'
const UNFINISHED_LIVES_MS = 10 * 60_000

/**
 * Returns the template for these programs, running `initdb` the first time (about a second).
 *
 * `seed` is SQL that every copy starts with, one statement a line.
 *
 * It is made under a temporary name and renamed, so two makers at once both end with one whole
 * template, and one that was cut off is never used.
 *
 * Throws NO_SPACE, NO_SHARED_MEMORY, PERMISSION_DENIED or SERVER_START_FAILED when `initdb` does.
 */
export async function ensureTemplate(
  binaries: Binaries,
  user: ServerUser | null,
  seed: readonly string[] = [],
): Promise<Template> {
  const templates = join(cacheFolder(user), 'templates')
  const home = join(templates, templateKey(binaries, user, seed))
  const ready = await readTemplate(home)
  if (ready) return ready

  await mkdir(templates, { recursive: true })
  if (user) await chmod(templates, 0o755)
  await removeUnfinished(templates)
  const making = join(templates, `${UNFINISHED}${process.pid}-${randomBytes(4).toString('hex')}`)
  try {
    await makeTemplate(making, binaries, user, seed)
    return await publish(making, home)
  } finally {
    await rm(making, { recursive: true, force: true })
  }
}

function templateKey(binaries: Binaries, user: ServerUser | null, seed: readonly string[]): string {
  const uid = user?.uid ?? process.getuid?.() ?? 0
  const hash = createHash('sha256')
    .update([RECIPE, binaries.dir, uid, ...seed].join('\n'))
    .digest('hex')
    .slice(0, 12)
  return `${binaries.version}-${hash}`
}

async function readTemplate(home: string): Promise<Template | null> {
  const dir = join(home, 'data')
  if (!existsSync(join(home, 'ready')) || !existsSync(join(dir, 'global/pg_control'))) return null
  try {
    const superuserPassword = await readFile(join(home, 'superuser-password'), 'utf8')
    return superuserPassword ? { dir, superuserPassword } : null
  } catch {
    return null
  }
}

async function makeTemplate(
  home: string,
  binaries: Binaries,
  user: ServerUser | null,
  seed: readonly string[],
): Promise<void> {
  const dir = join(home, 'data')
  const passwordFile = join(home, 'superuser-password')
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 })
  if (user) {
    await chmod(home, 0o755)
    await chown(dir, user.uid, user.gid)
    await chown(passwordFile, user.uid, user.gid)
  }
  await runInitdb(binaries, user, dir, passwordFile)
  if (seed.length > 0) await runSeed(binaries, user, dir, seed)
  await writeFile(join(home, 'ready'), '')
}

async function runInitdb(binaries: Binaries, user: ServerUser | null, dir: string, passwordFile: string) {
  // The built-in C.UTF-8 sorts by code point like C but knows upper and lower case of every letter,
  // and is the same on every machine, which operating-system locales are not.
  const locale = binaries.major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []
  const options = [
    '-U',
    'postgres',
    `--pwfile=${passwordFile}`,
    '-A',
    'scram-sha-256',
    '-E',
    'UTF8',
    '--locale=C',
  ]
  try {
    await promisify(execFile)(
      binaries.initdb,
      ['-D', dir, ...options, ...locale, '--data-checksums', '--no-sync', '--no-instructions'],
      {
        ...spawnIdentity(user),
        cwd: '/',
        env: { LC_ALL: 'C', TZ: 'UTC', PATH: process.env.PATH, HOME: dir },
      },
    )
  } catch (cause) {
    throw initdbFailure(cause, binaries, dir)
  }
}

/** Runs SQL, one statement a line, in a single-user server that shuts down in order at the end. */
async function runSeed(
  binaries: Binaries,
  user: ServerUser | null,
  dir: string,
  seed: readonly string[],
): Promise<void> {
  const done = promisify(execFile)(
    binaries.postgres,
    ['--single', '-D', dir, '-c', 'exit_on_error=true', 'postgres'],
    {
      ...spawnIdentity(user),
      cwd: '/',
      env: { LC_ALL: 'C', TZ: 'UTC', PATH: process.env.PATH, HOME: dir },
    },
  )
  done.child.stdin?.on('error', () => {})
  done.child.stdin?.end(`${seed.join('\n')}\n`)
  try {
    await done
  } catch (cause) {
    throw initdbFailure(cause, binaries, dir)
  }
}

function initdbFailure(cause: unknown, binaries: Binaries, dir: string): HerdError {
  const { stderr = '', message } = cause as Error & { stderr?: string }
  const address = { host: '127.0.0.1', port: 0 }
  const known = classifyStartFailure(stderr, { name: 'template', dataDir: dir, logFile: '', address })
  if (known.code !== 'SERVER_START_FAILED') return known
  const said = stderr.split('\n').findLast((line) => /error|FATAL|PANIC|could not/i.test(line)) ?? message
  return new HerdError('SERVER_START_FAILED', `${binaries.initdb} failed: ${said.trim()}`, { cause })
}

/** Gives the finished template its name; when another maker was first, theirs is used. */
async function publish(making: string, home: string): Promise<Template> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await rename(making, home)
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
    const template = await readTemplate(home)
    if (template) return template
    await setAside(home)
  }
  throw new HerdError('OPERATION_FAILED', `The template at ${home} cannot be replaced.`, {
    hint: `Delete ${home} and try again.`,
  })
}

/** Moves a damaged template out of the way; the next maker deletes it. */
async function setAside(home: string): Promise<void> {
  const aside = join(home, '..', `${UNFINISHED}${randomBytes(4).toString('hex')}`)
  await rename(home, aside).catch(() => {})
  await rm(aside, { recursive: true, force: true })
}

async function removeUnfinished(templates: string): Promise<void> {
  for (const name of await readdir(templates)) {
    if (!name.startsWith(UNFINISHED)) continue
    const path = join(templates, name)
    const ageMs = await stat(path).then(
      (stats) => Date.now() - stats.mtimeMs,
      () => 0,
    )
    if (ageMs > UNFINISHED_LIVES_MS) await rm(path, { recursive: true, force: true })
  }
}
