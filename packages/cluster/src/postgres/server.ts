import { spawn } from 'node:child_process'
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { HerdError } from '@pgherd/core'
import type { Binaries } from './binaries.js'
import { whoHoldsPort } from './ports.js'
import { readPostmasterPidFile } from './postmaster-pid-file.js'
import type { Server } from './server-place.js'
import { findServerProcesses, isAlive } from './server-processes.js'
import { type ServerUser, spawnIdentity } from './server-user.js'
import { classifyStartFailure } from './start-failure.js'

/** How a server ended; both null when it was not our child and only its absence is known. */
export interface ServerExit {
  code: number | null
  signal: string | null
}

/** A server's live postmaster. */
export interface RunningServer {
  pid: number
  /** False when it was found running, left by an earlier supervisor. */
  startedByUs: boolean
  /** Resolves when it is gone: at once for our child, within about 50 ms for an adopted one. */
  exited: Promise<ServerExit>
}

interface Launch {
  /** Where this run begins in the log file, which earlier runs wrote to as well. */
  logOffset: number
  atMs: number
}

const READY_POLL_MS = 4
const ADOPTED_POLL_MS = 40
const LOG_TAIL_BYTES = 64 * 1024
/** File times may lag behind the clock by one tick of the kernel. */
const FILE_TIME_SLACK_MS = 50

const launches = new WeakMap<RunningServer, Launch>()

/**
 * Starts the server and returns as soon as its process exists; `waitReady` tells when it serves.
 *
 * Address and name are given on the command line, where no setting in a file can contradict them. It
 * runs in a session of its own, so that it outlives us and Ctrl-C in our terminal does not reach it.
 *
 * Throws BINARIES_MISSING or PERMISSION_DENIED when the program cannot be run, PERMISSION_DENIED or
 * NO_SPACE when the log cannot be opened.
 */
export async function launchServer(
  server: Server,
  binaries: Binaries,
  user: ServerUser | null,
): Promise<RunningServer> {
  const log = openLog(server)
  const launch = { logOffset: fstatSync(log).size, atMs: Date.now() }
  try {
    const child = spawn(binaries.postgres, commandLine(server), {
      ...spawnIdentity(user),
      // From its first moment it stands where a fence looks for it.
      cwd: existsSync(server.dataDir) ? server.dataDir : '/',
      detached: true,
      stdio: ['ignore', log, log],
      env: { LC_ALL: 'C', TZ: process.env.TZ || 'UTC', PATH: process.env.PATH, HOME: server.dataDir },
    })
    const exited = new Promise<ServerExit>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', (cause) => reject(spawnFailure(server, binaries, cause)))
    })
    child.unref()
    const running = { pid: child.pid as number, startedByUs: true, exited }
    launches.set(running, launch)
    return running
  } finally {
    closeSync(log)
  }
}

/**
 * Resolves when the server accepts connections, or replays without accepting any (`hot_standby` off).
 *
 * Throws what `classifyStartFailure` makes of its log when it ends first, SERVER_START_FAILED when
 * `timeoutMs` pass; the server is then still starting and left alone.
 */
export async function waitReady(server: Server, running: RunningServer, timeoutMs: number): Promise<void> {
  const launch = launches.get(running) ?? { logOffset: 0, atMs: 0 }
  const deadline = performance.now() + timeoutMs
  let exit: ServerExit | undefined
  running.exited.then((how) => {
    exit = how
  })
  while (!isReady(server, running.pid, launch)) {
    if (exit) throw await startFailure(server, launch, exit)
    if (performance.now() > deadline) {
      throw new HerdError(
        'SERVER_START_FAILED',
        `${server.name} was not ready after ${timeoutMs / 1000} s.`,
        {
          hint: `Read ${server.logFile}; replaying much WAL takes long.`,
        },
      )
    }
    await sleep(READY_POLL_MS)
  }
}

/** Finds the live postmaster of this data directory, whoever started it; null when there is none. */
export async function adoptServer(server: Server): Promise<RunningServer | null> {
  const pid = readPostmasterPidFile(server.dataDir)?.pid
  if (pid === undefined || !isAlive(pid)) return null
  if (findServerProcesses(server.dataDir).postmaster !== pid) return null
  const exited = new Promise<ServerExit>((resolve) => {
    const timer = setInterval(() => {
      if (isAlive(pid)) return
      clearInterval(timer)
      resolve({ code: null, signal: null })
    }, ADOPTED_POLL_MS)
    timer.unref()
  })
  return { pid, startedByUs: false, exited }
}

function commandLine({ name, dataDir, address }: Server): string[] {
  const settings = {
    listen_addresses: address.host,
    port: address.port,
    unix_socket_directories: '',
    cluster_name: name,
  }
  return ['-D', dataDir, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])]
}

function openLog(server: Server): number {
  try {
    return openSync(server.logFile, 'a', 0o600)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code === 'ENOSPC' ? 'NO_SPACE' : 'PERMISSION_DENIED'
    throw new HerdError(code, `The log file ${server.logFile} of ${server.name} cannot be opened.`, { cause })
  }
}

function spawnFailure(server: Server, binaries: Binaries, cause: Error): HerdError {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT') {
    return new HerdError(
      'BINARIES_MISSING',
      `${binaries.postgres} is gone; ${server.name} cannot be started.`,
      {
        cause,
      },
    )
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new HerdError(
      'PERMISSION_DENIED',
      `${binaries.postgres} may not be run; ${server.name} cannot be started.`,
      {
        cause,
      },
    )
  }
  return new HerdError('SERVER_START_FAILED', `${server.name} could not be started: ${cause.message}.`, {
    cause,
  })
}

function isReady(server: Server, pid: number, launch: Launch): boolean {
  const file = readPostmasterPidFile(server.dataDir)
  if (file?.pid !== pid || file.writtenAtMs < launch.atMs - FILE_TIME_SLACK_MS) return false
  return file.status === 'ready' || file.status === 'standby'
}

async function startFailure(server: Server, launch: Launch, exit: ServerExit): Promise<HerdError> {
  const said = readLogTail(server.logFile, launch.logOffset)
  if (said.trim() === '' && exit.signal !== null) {
    return new HerdError(
      'SERVER_START_FAILED',
      `${server.name} did not start: it was ended by ${exit.signal}.`,
    )
  }
  const failure = classifyStartFailure(said, server)
  return failure.code === 'PORT_TAKEN' ? namePortHolder(server, failure) : failure
}

/** Who holds the port is known to the system, not to PostgreSQL. */
async function namePortHolder({ name, address }: Server, failure: HerdError): Promise<HerdError> {
  const holder = await whoHoldsPort(address.port)
  if (holder === null) return failure
  const who = `process ${holder.pid} (${holder.command.slice(0, 80)})`
  return new HerdError(
    'PORT_TAKEN',
    `${name} did not start: port ${address.port} on ${address.host} is in use by ${who}.`,
    failure.hint === undefined ? {} : { hint: failure.hint },
  )
}

function readLogTail(logFile: string, from: number): string {
  try {
    const file = openSync(logFile, 'r')
    try {
      const { size } = fstatSync(file)
      // A log that shrank was rotated: then all of it is newer than this run's start.
      const start = Math.max(size < from ? 0 : from, size - LOG_TAIL_BYTES)
      const bytes = Buffer.alloc(size - start)
      return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, start))
    } finally {
      closeSync(file)
    }
  } catch {
    return ''
  }
}
