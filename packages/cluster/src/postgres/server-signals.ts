import { setTimeout as sleep } from 'node:timers/promises'
import { HerdError } from '@pgherd/core'
import type { RunningServer } from './server.js'
import type { Server } from './server-place.js'
import { findServerProcesses } from './server-processes.js'

/** PostgreSQL's words for its signals (its documentation, "Shutting Down the Server"). */
export type ServerSignal = 'smart' | 'fast' | 'immediate' | 'reload' | 'kill' | 'pause' | 'resume'

const SIGNALS: Readonly<Record<ServerSignal, NodeJS.Signals>> = {
  smart: 'SIGTERM',
  fast: 'SIGINT',
  immediate: 'SIGQUIT',
  reload: 'SIGHUP',
  kill: 'SIGKILL',
  pause: 'SIGSTOP',
  resume: 'SIGCONT',
}

const FENCE_POLL_MS = 1
const FENCE_TIMEOUT_MS = 5000

/** Signals the postmaster. False when it is gone; throws PERMISSION_DENIED when it is another account's. */
export function signalServer(running: RunningServer, how: ServerSignal): boolean {
  return signalProcess(running.pid, SIGNALS[how])
}

/**
 * Asks the server to stop and waits until it is gone. A paused one is resumed, since it could not obey.
 *
 * Throws SERVER_STOP_TIMEOUT when it is still there after `timeoutMs`; it is then still stopping.
 */
export async function stopServer(
  server: Server,
  running: RunningServer,
  how: 'smart' | 'fast' | 'immediate',
  timeoutMs: number,
): Promise<void> {
  if (!signalServer(running, how)) return
  // Always: a process that was stopped a moment ago does not show it yet, and the rest do not mind.
  await resumeAllProcesses(server)
  const timer = new AbortController()
  const late = sleep(timeoutMs, 'late' as const, { signal: timer.signal }).catch(() => 'cancelled' as const)
  const outcome = await Promise.race([running.exited, late])
  timer.abort()
  if (outcome === 'late') {
    throw new HerdError('SERVER_STOP_TIMEOUT', `${server.name} did not stop within ${timeoutMs / 1000} s.`, {
      hint:
        how === 'smart'
          ? 'It waits for its clients to leave; stop it in fast mode to end them.'
          : 'It may be writing out much data; wait longer, or stop it in immediate mode.',
    })
  }
}

/**
 * The fence: ends every process of the server at once, so that it certainly accepts and writes nothing
 * more when this resolves. Resolves to how many there were.
 *
 * Throws SERVER_STOP_TIMEOUT when some are still there after five seconds (waiting for a dead disk).
 */
export async function killAllProcesses(server: Server): Promise<number> {
  const killed = new Set<number>()
  const deadline = performance.now() + FENCE_TIMEOUT_MS
  for (;;) {
    const { postmaster, others } = findServerProcesses(server.dataDir)
    if (postmaster === null && others.length === 0) return killed.size
    // The postmaster first: it would start others anew.
    for (const pid of postmaster === null ? others : [postmaster, ...others]) {
      if (signalProcess(pid, 'SIGKILL')) killed.add(pid)
    }
    if (performance.now() > deadline) {
      const left = [postmaster, ...others].filter((pid) => pid !== null).join(', ')
      throw new HerdError('SERVER_STOP_TIMEOUT', `Processes ${left} of ${server.name} cannot be ended.`, {
        hint: 'They may be waiting for a disk that does not answer.',
      })
    }
    await sleep(FENCE_POLL_MS)
  }
}

/** Stops every process of the server in its tracks, as if the machine hung. Resolves to how many. */
export async function pauseAllProcesses(server: Server): Promise<number> {
  // Twice, for what the postmaster started while the first look was taken.
  signalAll(server, 'SIGSTOP', 'postmaster-first')
  return signalAll(server, 'SIGSTOP', 'postmaster-first')
}

/** Lets them go on, the postmaster last, so that it finds its children awake. Resolves to how many. */
export async function resumeAllProcesses(server: Server): Promise<number> {
  return signalAll(server, 'SIGCONT', 'postmaster-last')
}

function signalAll(
  server: Server,
  signal: NodeJS.Signals,
  order: 'postmaster-first' | 'postmaster-last',
): number {
  const { postmaster, others } = findServerProcesses(server.dataDir)
  const first = postmaster === null ? [] : [postmaster]
  const pids = order === 'postmaster-first' ? [...first, ...others] : [...others, ...first]
  return pids.filter((pid) => signalProcess(pid, signal)).length
}

function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw new HerdError(
      'PERMISSION_DENIED',
      `Process ${pid} belongs to another account and cannot be signalled.`,
      {
        cause: error,
      },
    )
  }
}
