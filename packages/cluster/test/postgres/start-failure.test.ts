import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  classifyStartFailure,
  copyDirectory,
  findFreePorts,
  inspectDataDirectory,
  isPortFree,
  markStandby,
  unmarkStandby,
  whoHoldsPort,
} from '../../src/postgres/index.js'
import { failureOf, isRoot, scratchFolder, scratchServer, skipBecause, user } from './scratch-server.js'

test('a taken port is told as such, with who holds it', async () => {
  const { server, start } = await scratchServer()
  const holder = createServer()
  await new Promise<void>((resolve) => holder.listen(server.address.port, '127.0.0.1', resolve))
  try {
    expect(await isPortFree('127.0.0.1', server.address.port)).toBe(false)
    expect(await findFreePorts('127.0.0.1', 1, server.address.port)).toBeGreaterThan(server.address.port)
    expect(await whoHoldsPort(server.address.port)).toMatchObject({ pid: process.pid })
    const failure = await failureOf(start())
    expect(failure.code).toBe('PORT_TAKEN')
    expect(failure.message).toContain(`port ${server.address.port}`)
    expect(failure.message).toContain(`process ${process.pid}`)
  } finally {
    await new Promise((resolve) => holder.close(resolve))
  }
  expect(await whoHoldsPort(server.address.port)).toBeNull()
  await start()
})

test('an unknown setting is named', async () => {
  const { start } = await scratchServer()
  const failure = await failureOf(start({ work_memory: '8MB' }))
  expect(failure.code).toBe('SPEC_INVALID')
  expect(failure.message).toContain('work_memory')
})

test.each([{ work_mem: 'plenty' }, { max_connections: -1 }, { wal_level: 'none' }])(
  'a setting with a value PostgreSQL refuses is named: %o',
  async (settings) => {
    const { start } = await scratchServer()
    const failure = await failureOf(start(settings))
    expect(failure.code).toBe('SPEC_INVALID')
    expect(failure.message).toContain(Object.keys(settings)[0])
  },
)

test('memory the system does not have is told as such', async () => {
  const { start } = await scratchServer()
  expect((await failureOf(start({ shared_buffers: '4000GB' }))).code).toBe('NO_SHARED_MEMORY')
})

test('a data directory that everyone may read is refused by PostgreSQL', async () => {
  const { server, start } = await scratchServer()
  execFileSync('chmod', ['777', server.dataDir])
  expect((await failureOf(start())).code).toBe('PERMISSION_DENIED')
})

if (!isRoot) skipBecause('mounting a small file system takes root')
test.skipIf(!isRoot)('a full file system is told as such', async () => {
  const { server } = await scratchServer()
  const small = join(scratchFolder(), 'small')
  mkdirSync(small)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', small])
  try {
    const failure = await failureOf(copyDirectory(server.dataDir, join(small, 'data'), { user }))
    expect(failure.code).toBe('NO_SPACE')
    expect(failure.message).toContain(small)
  } finally {
    execFileSync('umount', [small])
  }
})

test('what is in a data directory is told before anything is done to it', async () => {
  const { server } = await scratchServer()
  const folder = scratchFolder()
  expect(await inspectDataDirectory(join(folder, 'nothing'), 18)).toBe('absent')
  expect(await inspectDataDirectory(folder, 18)).toBe('absent')
  expect(await inspectDataDirectory(server.dataDir, 18)).toBe('primary')
  await markStandby(server.dataDir, user)
  expect(await inspectDataDirectory(server.dataDir, 18)).toBe('standby')
  await unmarkStandby(server.dataDir)
  expect(await inspectDataDirectory(server.dataDir, 18)).toBe('primary')

  const version = await failureOf(inspectDataDirectory(server.dataDir, 17))
  expect(version.code).toBe('DATA_DIRECTORY_VERSION')
  expect(version.message).toMatch(/PostgreSQL 18.*version 17/)

  writeFileSync(join(folder, 'thesis.doc'), '')
  const foreign = await failureOf(inspectDataDirectory(folder, 18))
  expect(foreign.code).toBe('DATA_DIRECTORY_FOREIGN')
  expect(foreign.message).toContain('thesis.doc')
})

test('PostgreSQL itself refusing another version is told as such', async () => {
  const { server, start } = await scratchServer()
  writeFileSync(join(server.dataDir, 'PG_VERSION'), '15\n')
  expect((await failureOf(start())).code).toBe('DATA_DIRECTORY_VERSION')
})

test('a log without a known cause gives its last fatal line', () => {
  const server = { name: 'a', dataDir: '/d', logFile: '/l', address: { host: 'h', port: 1 } }
  const failure = classifyStartFailure(
    'LOG:  x\n2026-01-01 UTC [7] FATAL:  out of luck\nLOG:  shut down\n',
    server,
  )
  expect(failure.message).toBe('a did not start: out of luck.')
  expect(classifyStartFailure('', server).message).toBe('a did not start and said nothing.')
})
