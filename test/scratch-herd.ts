import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Herd, openHerd } from '@pgherd/cluster'
import { parseSpec } from '@pgherd/core/spec'
import pg from 'pg'
import { afterAll, afterEach } from 'vitest'

/** Long, because two slow cores may be shared with others; what is asserted is the outcome. */
export const PATIENCE_MS = 60_000

let folder: string | null = null
const herds: Herd[] = []
const clients: pg.Client[] = []

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => {})))
})

afterAll(async () => {
  for (const herd of herds.splice(0)) await herd.stop()
  if (folder !== null) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

/** A herd on free ports, whole; stopped after the tests of the file. `yaml` is added to its spec. */
export async function scratchHerd(yaml = '', settings = ''): Promise<Herd> {
  if (folder === null) {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'pgherd-test-')))
    chmodSync(folder, 0o711)
    process.env.PGHERD_DATA = join(folder, 'data')
  }
  const spec = parseSpec(
    `name: scratch\nport: auto\npostgres: { settings: { shared_buffers: 16MB, ${settings} } }\n${yaml}`,
    'test',
  )
  const herd = await openHerd({ spec, stateDir: join(folder, `state-${herds.length}`) })
  herds.push(herd)
  await herd.whenWhole(PATIENCE_MS)
  return herd
}

/** The connection strings of all its nodes, for the application's role or the superuser. */
export async function nodesOfHerd(
  herd: Herd,
  role: 'application' | 'superuser' = 'application',
): Promise<string[]> {
  const status = await herd.status()
  return status.groups.flatMap((group) => group.nodes.map((node) => herd.dsn(node.name, role)))
}

/** A plain connection that is ended after the test. */
export async function connect(dsn: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: dsn, connectionTimeoutMillis: 5000 })
  client.on('error', () => {})
  clients.push(client)
  await client.connect()
  return client
}

/** Resolves when `holds` does; fails with `what` when it does not in time. */
export async function until<T>(what: string, holds: () => T | Promise<T>): Promise<NonNullable<T>> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const found = await holds()
    if (found) return found as NonNullable<T>
    if (performance.now() > deadline) throw new Error(`Waited ${PATIENCE_MS} ms in vain until ${what}`)
    await sleep(10)
  }
}
