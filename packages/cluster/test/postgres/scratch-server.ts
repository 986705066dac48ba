import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HerdError } from '@pgherd/core'
import pg from 'pg'
import { afterEach, expect } from 'vitest'
import {
  type Binaries,
  chooseServerUser,
  copyDirectory,
  ensureTemplate,
  findBinaries,
  findFreePorts,
  killAllProcesses,
  launchServer,
  prepareDataDirectory,
  type RunningServer,
  type Server,
  type ServerSettings,
  waitReady,
  writeSettings,
} from '../../src/postgres/index.js'
import { findServerProcesses } from '../../src/postgres/server-processes.js'

export const user = chooseServerUser()
export const isRoot = process.getuid?.() === 0

export interface Scratch {
  server: Server
  binaries: Binaries
  password: string
  start(settings?: ServerSettings): Promise<RunningServer>
  connect(): Promise<pg.Client>
}

const folders: string[] = []
const servers: Server[] = []
const clients: pg.Client[] = []

/** A folder of this test's own that the server user can reach; deleted after the test. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pgherd-test-'))
  chmodSync(folder, 0o755)
  folders.push(folder)
  return folder
}

/** A never started server with a data directory of its own; ended and deleted after the test. */
export async function scratchServer(major = 18): Promise<Scratch> {
  const binaries = await findBinaries({ version: major, bin: null }, user)
  const template = await ensureTemplate(binaries, user)
  const folder = scratchFolder()
  const port = await findFreePorts('127.0.0.1', 1, 20000 + Math.floor(Math.random() * 10000))
  const server = {
    name: 'scratch',
    dataDir: join(folder, 'data'),
    logFile: join(folder, 'scratch.log'),
    address: { host: '127.0.0.1', port },
  }
  servers.push(server)
  await copyDirectory(template.dir, server.dataDir, { user })
  await prepareDataDirectory(server.dataDir, user, { allowFrom: [] })
  return {
    server,
    binaries,
    password: template.superuserPassword,
    async start(settings = {}) {
      await writeSettings(server.dataDir, { shared_buffers: '16MB', fsync: false, ...settings }, user)
      const running = await launchServer(server, binaries, user)
      await waitReady(server, running, 20_000)
      return running
    },
    async connect() {
      const client = new pg.Client({
        ...server.address,
        user: 'postgres',
        password: template.superuserPassword,
        database: 'postgres',
      })
      client.on('error', () => {})
      clients.push(client)
      await client.connect()
      return client
    },
  }
}

/** The HerdError that an act ends in. */
export async function failureOf(act: Promise<unknown>): Promise<HerdError> {
  const error = await act.then(
    () => undefined,
    (reason) => reason,
  )
  expect(error).toBeInstanceOf(HerdError)
  return error as HerdError
}

export function skipBecause(reason: string): void {
  process.stdout.write(`skipped: ${reason}\n`)
}

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => {})))
  for (const server of servers.splice(0)) {
    await killAllProcesses(server)
    expect(findServerProcesses(server.dataDir)).toEqual({ postmaster: null, others: [] })
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})
