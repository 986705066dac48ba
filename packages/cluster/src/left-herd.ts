import { existsSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type GroupStatus, HerdError, type HerdStatus, type NodeStatus } from '@pgherd/core'
import { nodesOf } from './herd-nodes.js'
import { adoptServer, resumeAllProcesses, stopServer } from './postgres/index.js'
import { isPaused } from './postgres/server-processes.js'
import { readGroupMemory } from './state/group-memory-file.js'
import { type HerdIdentity, readIdentity } from './state/herd-identity.js'
import { type HerdPaths, herdPaths, nodePaths } from './state/herd-paths.js'
import { releaseLock, takeLock } from './state/supervisor-lock.js'

const STOP_TIMEOUT_MS = 15_000

/** What is known of a herd that nobody supervises: from its files and the processes that are there. */
export interface LeftHerd {
  paths: HerdPaths
  identity: HerdIdentity
}

/** Names of the herds in a state folder. */
export async function listHerds(stateDir: string): Promise<string[]> {
  const entries = await readdir(stateDir).catch((): string[] => [])
  return entries.filter((name) => existsSync(herdPaths(stateDir, name).identity)).sort()
}

/** Throws HERD_NOT_FOUND, STATE_UNREADABLE. */
export async function readLeftHerd(stateDir: string, name: string): Promise<LeftHerd> {
  const paths = herdPaths(stateDir, name)
  const identity = await readIdentity(paths.identity)
  if (identity === null) {
    throw new HerdError('HERD_NOT_FOUND', `There is no herd "${name}" in ${stateDir}.`, {
      hint: 'Make one with "pgherd up", or say where it is with --state DIR.',
    })
  }
  return { paths, identity }
}

/** The status of a herd without its supervisor: who runs, and who was primary last. */
export async function describeLeftHerd({ paths, identity }: LeftHerd): Promise<HerdStatus> {
  const groups = await Promise.all(
    identity.spec.groups.map(async (group): Promise<GroupStatus> => {
      const memory = await readGroupMemory(paths.group(group.name))
      const nodes = nodesOf(identity).filter((node) => node.group === group.name)
      return {
        name: group.name,
        epoch: memory?.epoch ?? 0,
        phase: memory?.phase ?? 'forming',
        durability: group.durability,
        stalled: null,
        blocked: null,
        nodes: await Promise.all(
          nodes.map(async (node): Promise<NodeStatus> => {
            const running = await adoptServer(node.server)
            const hasData = existsSync(join(node.paths.data, 'global/pg_control'))
            const isStandby = existsSync(join(node.paths.data, 'standby.signal'))
            return {
              name: node.name,
              role: running === null ? 'none' : isStandby ? 'standby' : 'primary',
              state: running !== null ? 'running' : hasData ? 'stopped' : 'absent',
              ...node.server.address,
              pid: running?.pid ?? null,
              lsn: null,
              lagBytes: null,
              lagMs: null,
              sync: null,
            }
          }),
        ),
      }
    }),
  )
  const epoch = groups.reduce((sum, group) => sum + group.epoch, 0)
  return { name: identity.spec.name, epoch, groups, proxy: null, api: null }
}

/**
 * Stops servers that a supervisor left running, the primary first. Resolves to how many there were.
 * Throws HERD_ALREADY_RUNNING when it is supervised after all.
 */
export async function stopLeftServers({ paths, identity }: LeftHerd): Promise<number> {
  const lock = takeLock(paths.lock, '')
  try {
    const nodes = nodesOf(identity)
    const found = await Promise.all(
      nodes.map(async (node) => ({
        node,
        running: await adoptServer(node.server),
        isStandby: existsSync(join(node.paths.data, 'standby.signal')),
      })),
    )
    // A primary waits for its standbys to have everything; a paused one would keep it waiting.
    for (const { node, running } of found)
      if (running !== null && isPaused(running.pid)) await resumeAllProcesses(node.server)
    for (const standbys of [false, true]) {
      await Promise.all(
        found.map(async ({ node, running, isStandby }) => {
          if (running !== null && isStandby === standbys)
            await stopServer(node.server, running, 'fast', STOP_TIMEOUT_MS)
        }),
      )
    }
    return found.filter(({ running }) => running !== null).length
  } finally {
    releaseLock(paths.lock, lock)
  }
}

/** What `destroyHerd` would delete, so that a person can be told before. */
export async function sizeOfHerd({ identity }: LeftHerd): Promise<{ nodes: number; kept: string[] }> {
  const kept = await Promise.all(
    nodesOf(identity).map(async ({ name }) => {
      const paths = nodePaths(identity.dataRoot, name)
      return (await stat(paths.kept).catch(() => null)) === null ? [] : [paths.kept]
    }),
  )
  return { nodes: kept.length, kept: kept.flat() }
}

/** Deletes every trace of a stopped herd, its data included. Only on a person's explicit word (I7). */
export async function destroyHerd({ paths, identity }: LeftHerd): Promise<void> {
  await rm(identity.dataRoot, { recursive: true, force: true })
  await rm(paths.root, { recursive: true, force: true })
}
