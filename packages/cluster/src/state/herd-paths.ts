import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** Where everything of one herd is. */
export interface HerdPaths {
  /** `.pgherd/NAME`, mode 0700. */
  root: string
  identity: string
  secrets: string
  lock: string
  events: string
  supervisorLog: string
  socket: string
  /** Of the proxy: who it is, what it printed, where it can be spoken to. */
  proxyRecord: string
  proxyLog: string
  proxySocket: string
  /** Of the control API: its tokens, hashed, and who did what. */
  tokens: string
  audit: string
  group(name: string): string
}

/** Where one node's files are. */
export interface NodePaths {
  dir: string
  data: string
  log: string
  /** What copies replaced and may hold acknowledged writes; only a person deletes it. */
  kept: string
}

/** A Unix socket's path must fit in 104 bytes on macOS, 108 on Linux, the final zero included. */
const SOCKET_PATH_LIMIT = 100

export function herdPaths(stateDir: string, name: string): HerdPaths {
  const root = join(resolve(stateDir), name)
  return {
    root,
    identity: join(root, 'herd.json'),
    secrets: join(root, 'secrets.json'),
    lock: join(root, 'supervisor.lock'),
    events: join(root, 'events.ndjson'),
    supervisorLog: join(root, 'supervisor.log'),
    socket: socketPath(root, 'control'),
    proxyRecord: join(root, 'proxy.lock'),
    proxyLog: join(root, 'proxy.log'),
    proxySocket: socketPath(root, 'proxy'),
    tokens: join(root, 'tokens.json'),
    audit: join(root, 'audit.ndjson'),
    group: (group) => join(root, `group-${group}.json`),
  }
}

export function nodePaths(dataRoot: string, node: string): NodePaths {
  const dir = join(dataRoot, node)
  return { dir, data: join(dir, 'data'), log: join(dir, 'postgres.log'), kept: join(dir, 'kept') }
}

function socketPath(root: string, of: 'control' | 'proxy'): string {
  const beside = join(root, `${of}.sock`)
  if (Buffer.byteLength(beside) <= SOCKET_PATH_LIMIT) return beside
  const token = createHash('sha256').update(root).digest('hex').slice(0, 16)
  return join(tmpdir(), of === 'control' ? `pgherd-${token}.sock` : `pgherd-${token}-${of}.sock`)
}
