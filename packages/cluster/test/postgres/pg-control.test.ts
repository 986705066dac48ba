import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  decodeControl,
  newSystemIdentifier,
  readControl,
  rewriteSystemIdentifier,
  stopServer,
} from '../../src/postgres/index.js'
import { failureOf, scratchServer, skipBecause } from './scratch-server.js'

for (const major of [18, 15]) {
  const reason = `PostgreSQL ${major} is not installed`
  const absent = major !== 18 && !existsSync(`/usr/lib/postgresql/${major}/bin/initdb`)
  if (absent) skipBecause(reason)

  test.skipIf(absent)(`a fresh data directory of PostgreSQL ${major} reads as shut down`, async () => {
    const { server } = await scratchServer(major)
    const control = await readControl(server.dataDir)
    expect(control).toMatchObject({ state: 'shut-down', timeline: 1 })
    expect(control.controlVersion).toBe(major === 18 ? 1800 : 1300)
    expect(control.redoLsn).toBe(control.checkpointLsn)
  })

  test.skipIf(absent)(`PostgreSQL ${major} starts under a rewritten identity and says it`, async () => {
    const { server, start, connect } = await scratchServer(major)
    const id = newSystemIdentifier(Date.now(), Math.random())
    await rewriteSystemIdentifier(server.dataDir, id)
    const running = await start()
    const client = await connect()
    const { rows } = await client.query(
      'select system_identifier::text, timeline_id from pg_control_system(), pg_control_checkpoint()',
    )
    expect(rows).toEqual([{ system_identifier: String(id), timeline_id: 1 }])
    expect(await readControl(server.dataDir)).toMatchObject({ state: 'in-production', systemIdentifier: id })
    await client.end()
    await stopServer(server, running, 'fast', 10_000)
    expect((await readControl(server.dataDir)).state).toBe('shut-down')
  })
}

test('a running server keeps its identity', async () => {
  const { server, start } = await scratchServer()
  await start()
  expect((await failureOf(rewriteSystemIdentifier(server.dataDir, 1n))).code).toBe('OPERATION_FAILED')
})

test('one flipped bit makes a control file foreign', async () => {
  const { server } = await scratchServer()
  const bytes = await readFile(join(server.dataDir, 'global/pg_control'))
  bytes[16] = (bytes[16] as number) ^ 1
  expect(() => decodeControl(bytes)).toThrow(expect.objectContaining({ code: 'DATA_DIRECTORY_FOREIGN' }))
  expect(() => decodeControl(Buffer.alloc(10))).toThrow(
    expect.objectContaining({ code: 'DATA_DIRECTORY_FOREIGN' }),
  )
})

test('an identity holds its time as PostgreSQL writes it', () => {
  const id = newSystemIdentifier(1_700_000_000_250, 0.5)
  expect(id >> 32n).toBe(1_700_000_000n)
  expect((id >> 12n) & 0xfffffn).toBe(250_000n)
  expect(id & 0xfffn).toBe(2048n)
})
