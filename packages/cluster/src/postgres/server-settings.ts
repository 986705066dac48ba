import { randomBytes } from 'node:crypto'
import { chown, open, readFile, rename, rm } from 'node:fs/promises'
import { isIP } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { HerdError } from '@pgherd/core'
import type { ServerUser } from './server-user.js'

/** Settings by PostgreSQL's names; a boolean is written `on` or `off`. */
export type ServerSettings = Readonly<Record<string, string | number | boolean>>

const SETTINGS_FILE = 'pgherd.conf'
const INCLUDE = `include_if_exists = '${SETTINGS_FILE}'`

/** Writes settings in the syntax of postgresql.conf. Throws SPEC_INVALID on a name or value it cannot hold. */
export function renderSettings(settings: ServerSettings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${checkName(name)} = ${renderValue(name, value)}\n`)
    .join('')
}

/** Puts them into the data directory in one step; the server reads them when it starts or is reloaded. */
export async function writeSettings(
  dataDir: string,
  settings: ServerSettings,
  user: ServerUser | null,
): Promise<void> {
  const notice = '# Written by pgherd and overwritten by it; settings belong into the spec.\n'
  await replaceFile(join(dataDir, SETTINGS_FILE), notice + renderSettings(settings), user)
}

/**
 * Makes a data directory read our settings last, and lets in with a password (SCRAM) only this machine
 * and `allowFrom`: addresses, networks such as 10.0.0.0/8, or PostgreSQL's `samenet` and `all`.
 */
export async function prepareDataDirectory(
  dataDir: string,
  user: ServerUser | null,
  options: { allowFrom: string[] },
): Promise<void> {
  const path = join(dataDir, 'postgresql.conf')
  const before = await readFile(path, 'utf8')
  const lines = before.trimEnd().split('\n')
  const others = lines.filter((line) => line.trim() !== INCLUDE)
  const isLastAndOnly = lines.at(-1)?.trim() === INCLUDE && others.length === lines.length - 1
  if (!isLastAndOnly) await replaceFile(path, `${[...others, INCLUDE].join('\n')}\n`, user)
  await replaceFile(join(dataDir, 'pg_hba.conf'), renderAccess(options.allowFrom), user)
}

function renderAccess(allowFrom: string[]): string {
  const sources = new Set(['127.0.0.1/32', '::1/128', ...allowFrom.map(checkSource)])
  const lines = [...sources].flatMap((source) => [
    `host all all ${source} scram-sha-256`,
    `host replication all ${source} scram-sha-256`,
  ])
  return `# Written by pgherd and overwritten by it.\n${lines.join('\n')}\n`
}

function checkSource(source: string): string {
  const version = isIP(source)
  if (version !== 0) return `${source}/${version === 4 ? 32 : 128}`
  if (/^[A-Za-z0-9.:_-]+(?:\/\d{1,3})?$/.test(source)) return source
  throw new HerdError('SPEC_INVALID', `${JSON.stringify(source)} is not an address or network to allow in.`, {
    hint: 'Write a network such as 10.0.0.0/8.',
  })
}

/** An extension's setting has a prefix and a dot. */
function checkName(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)*$/.test(name)) return name
  throw new HerdError('SPEC_INVALID', `${JSON.stringify(name)} cannot be the name of a PostgreSQL setting.`)
}

function renderValue(name: string, value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return `'${value}'`
    throw new HerdError('SPEC_INVALID', `The setting ${name} must be a finite number.`)
  }
  if (/[\0\n\r]/.test(value)) {
    throw new HerdError('SPEC_INVALID', `The setting ${name} must be on one line.`)
  }
  // The file's scanner reads backslashes as C does (guc-file.l), so they are doubled as quotes are.
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

/** A reader sees the old content or the new, also after a crash; never a part. */
async function replaceFile(path: string, content: string, user: ServerUser | null): Promise<void> {
  const making = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}`)
  try {
    const file = await open(making, 'w', 0o600)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    if (user) await chown(making, user.uid, user.gid)
    await rename(making, path)
  } catch (error) {
    await rm(making, { force: true })
    throw error
  }
}
