import { execFileSync } from 'node:child_process'
import { accessSync, constants, readFileSync, realpathSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { HerdError } from '@pgherd/core'

/** The operating-system account PostgreSQL runs as when we are root, which PostgreSQL refuses to be. */
export interface ServerUser {
  name: string
  uid: number
  gid: number
}

/**
 * Says who runs the servers: null for ourselves, or, when we are root, the account named by
 * `PGHERD_USER`, else `postgres`, else `nobody`.
 *
 * Throws PERMISSION_DENIED when we are root and there is no such account.
 */
export function chooseServerUser(): ServerUser | null {
  if (process.getuid?.() !== 0) return null
  const wanted = process.env.PGHERD_USER
  const names = wanted ? [wanted] : ['postgres', 'nobody']
  for (const name of names) {
    const user = lookUpUser(name)
    if (user && user.uid !== 0) return user
  }
  throw new HerdError(
    'PERMISSION_DENIED',
    wanted
      ? `PGHERD_USER names ${JSON.stringify(wanted)}, which is not an ordinary account of this system.`
      : 'PostgreSQL refuses to run as root, and there is no account postgres or nobody to run it as.',
    { hint: 'Set PGHERD_USER to an ordinary account, or run pgherd as an ordinary user.' },
  )
}

/** What `spawn` needs to start a program as that user; supplementary groups are dropped by Node itself. */
export function spawnIdentity(user: ServerUser | null): { uid: number; gid: number } | Record<string, never> {
  return user ? { uid: user.uid, gid: user.gid } : {}
}

/** Can that user reach `path` through every folder above it, and read it (and list it, when a folder)? */
export function canRead(user: ServerUser | null, path: string): boolean {
  try {
    if (!user) {
      accessSync(path, constants.R_OK)
      return true
    }
    const target = realpathSync(path)
    const stats = statSync(target)
    if (!allows(user, stats, stats.isDirectory() ? 0o5 : 0o4)) return false
    return canTraverse(user, dirname(target))
  } catch {
    return false
  }
}

/** Can that user pass through `folder` and every folder above it? */
export function canTraverse(user: ServerUser, folder: string): boolean {
  for (let at = realpathSync(folder); ; at = dirname(at)) {
    if (!allows(user, statSync(at), 0o1)) return false
    if (at === dirname(at)) return true
  }
}

function allows(user: ServerUser, stats: Stats, bits: number): boolean {
  const shift = stats.uid === user.uid ? 6 : stats.gid === user.gid ? 3 : 0
  return ((stats.mode >> shift) & bits) === bits
}

function lookUpUser(name: string): ServerUser | null {
  return process.platform === 'darwin'
    ? lookUpByCommand(name)
    : (lookUpInPasswd(name) ?? lookUpByCommand(name))
}

function lookUpInPasswd(name: string): ServerUser | null {
  try {
    for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
      const [account, , uid, gid] = line.split(':')
      if (account === name) return userFrom(name, uid, gid)
    }
  } catch {
    // No /etc/passwd: the command below still knows accounts of other sources.
  }
  return null
}

function lookUpByCommand(name: string): ServerUser | null {
  const ask = (flag: string) =>
    execFileSync('id', [flag, '--', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return userFrom(name, ask('-u'), ask('-g'))
  } catch {
    return null
  }
}

function userFrom(name: string, uid: string | undefined, gid: string | undefined): ServerUser | null {
  const user = { name, uid: Number(uid || Number.NaN), gid: Number(gid || Number.NaN) }
  // macOS writes nobody's ids as -2; the kernel wants the unsigned form.
  if (user.uid < 0) user.uid += 2 ** 32
  if (user.gid < 0) user.gid += 2 ** 32
  return Number.isInteger(user.uid) && Number.isInteger(user.gid) ? user : null
}
