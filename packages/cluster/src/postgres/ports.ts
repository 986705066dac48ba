import { execFile } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { HerdError } from '@pgherd/core'

const FIRST_PORT = 5432
const LAST_PORT = 65535
/** `0A` in the fourth column of /proc/net/tcp (the kernel's tcp_states.h). */
const LISTENING = '0A'

/** Could a server listen there now? Throws SPEC_INVALID when the host is not an address of this machine. */
export async function isPortFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false)
      else {
        reject(new HerdError('SPEC_INVALID', `${host} is not an address of this machine.`, { cause: error }))
      }
    })
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)))
  })
}

/** The first of `count` consecutive free ports, at `from` or above. Throws PORT_TAKEN when there are none. */
export async function findFreePorts(host: string, count: number, from = FIRST_PORT): Promise<number> {
  let first = from
  for (let port = from; port <= LAST_PORT; port++) {
    if (!(await isPortFree(host, port))) first = port + 1
    else if (port - first + 1 === count) return first
  }
  throw new HerdError(
    'PORT_TAKEN',
    `There are no ${count} consecutive free ports from ${from} on at ${host}.`,
  )
}

/** The process that listens on a port; null when nobody does or we may not see who. */
export async function whoHoldsPort(port: number): Promise<{ pid: number; command: string } | null> {
  return process.platform === 'linux' ? holderByProc(port) : holderByLsof(port)
}

async function holderByProc(port: number): Promise<{ pid: number; command: string } | null> {
  const inodes = await listeningInodes(port)
  if (inodes.size === 0) return null
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || !(await holdsAny(name, inodes))) continue
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')
    return { pid: Number(name), command: command.replaceAll('\0', ' ').trim() }
  }
  return null
}

async function listeningInodes(port: number): Promise<Set<string>> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const inodes = new Set<string>()
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(file, 'utf8').catch(() => '')
    for (const line of text.split('\n')) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
      if (local?.endsWith(suffix) && state === LISTENING && inode) inodes.add(`socket:[${inode}]`)
    }
  }
  return inodes
}

async function holdsAny(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  const files = await readdir(`/proc/${pid}/fd`).catch(() => [])
  for (const file of files) {
    if (inodes.has(await readlink(`/proc/${pid}/fd/${file}`).catch(() => ''))) return true
  }
  return false
}

async function holderByLsof(port: number): Promise<{ pid: number; command: string } | null> {
  try {
    const lsof = await promisify(execFile)('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-t'])
    const pid = Number.parseInt(lsof.stdout, 10)
    if (!Number.isInteger(pid)) return null
    const ps = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)])
    return { pid, command: ps.stdout.trim() }
  } catch {
    return null
  }
}
