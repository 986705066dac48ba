import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { BASE_BACKUP_SKIP, copyDirectory } from '../../src/postgres/index.js'
import { failureOf, scratchFolder, scratchServer, user } from './scratch-server.js'

test('a copy belongs to the server user and is closed to others', async () => {
  const { server } = await scratchServer()
  const copy = join(scratchFolder(), 'copy')
  await copyDirectory(server.dataDir, copy, { user })
  for (const path of ['', 'base', 'PG_VERSION', 'global/pg_control']) {
    const stats = statSync(join(copy, path))
    expect(stats.mode & 0o077).toBe(0)
    expect(stats.uid).toBe(user?.uid ?? process.getuid?.())
  }
  const control = 'global/pg_control'
  expect(readFileSync(join(copy, control))).toEqual(readFileSync(join(server.dataDir, control)))
})

test('a file truncated while it is copied does not hold up the copy', async () => {
  const folder = scratchFolder()
  const from = join(folder, 'from')
  mkdirSync(from)
  writeFileSync(join(from, 'big'), Buffer.alloc(64 * 1024 * 1024, 7))
  const copying = copyDirectory(from, join(folder, 'to'), { user: null })
  setTimeout(() => truncateSync(join(from, 'big'), 0), 5)
  await copying
  expect(existsSync(join(folder, 'to/big'))).toBe(true)
})

test('files that vanish are no error', async () => {
  const { server, start, connect } = await scratchServer()
  await start()
  const client = await connect()
  let done = false
  const churn = (async () => {
    for (let i = 0; !done; i++) {
      await client.query(`create table t${i} as select generate_series(1, 1000) as id; drop table t${i}`)
      await client.query('checkpoint')
    }
  })()
  for (let i = 0; i < 3; i++) {
    await copyDirectory(server.dataDir, join(scratchFolder(), 'copy'), { user, skip: BASE_BACKUP_SKIP })
  }
  done = true
  await churn
})

test('tablespaces are refused, and a linked pg_wal is not shared', async () => {
  const folder = scratchFolder()
  const from = join(folder, 'from')
  for (const name of ['from/pg_tblspc', 'wal']) mkdirSync(join(folder, name), { recursive: true })
  closeSync(openSync(join(folder, 'wal/segment'), 'w'))
  symlinkSync(join(folder, 'wal'), join(from, 'pg_wal'))
  await copyDirectory(from, join(folder, 'to'), { user: null })
  expect(statSync(join(folder, 'to/pg_wal/segment')).ino).not.toBe(statSync(join(folder, 'wal/segment')).ino)
  symlinkSync('/somewhere', join(from, 'pg_tblspc/16400'))
  const failure = await failureOf(copyDirectory(from, join(folder, 'again'), { user: null }))
  expect(failure.message).toContain('tablespace')
})

test.each([
  ['postmaster.pid', true],
  ['backup_label', true],
  ['standby.signal', true],
  ['pg_wal', false],
  ['pg_wal/archive_status', false],
  ['pg_wal/archive_status/000000010000000000000001.done', true],
  ['pg_wal/summaries', false],
  ['pg_wal/000000010000000000000001', true],
  ['pg_replslot/node_2', true],
  ['pg_notify', false],
  ['base/pgsql_tmp', true],
  ['base/5/t3_16402_fsm', true],
  ['base/5/t3_16402.1', true],
  ['base/5/16402', false],
  ['base/5/pg_internal.init', true],
  ['global/pg_control', false],
  ['global/pg_internal.init.123', true],
  ['pg_xact/0000', false],
  ['postgresql.auto.conf', false],
])('a base backup of %s leaves it out: %s', (path, out) => {
  expect(BASE_BACKUP_SKIP(path)).toBe(out)
})

test('a copy that is cut off, or of which a file cannot be written, writes nothing any more', async () => {
  const folder = scratchFolder()
  const from = join(folder, 'from')
  mkdirSync(from)
  const names = Array.from({ length: 20 }, (_, at) => `big${at}`)
  for (const name of names) writeFileSync(join(from, name), Buffer.alloc(4 * 1024 * 1024, 7))
  const expectStill = async (to: string): Promise<void> => {
    const sizes = (): (number | undefined)[] =>
      names.map((name) => statSync(join(to, name), { throwIfNoEntry: false })?.size)
    const before = sizes()
    await sleep(200)
    expect(sizes()).toEqual(before)
    expect(before).toContain(undefined)
  }

  const blocked = join(folder, 'blocked')
  mkdirSync(join(blocked, 'big0'), { recursive: true })
  await expect(copyDirectory(from, blocked, { user: null })).rejects.toMatchObject({ code: 'EISDIR' })
  await expectStill(blocked)

  const [cut, reason] = [new AbortController(), new Error('not wanted any more')]
  const copying = copyDirectory(from, join(folder, 'cut'), {
    user: null,
    signal: cut.signal,
    onProgress: () => cut.abort(reason),
  })
  await expect(copying).rejects.toBe(reason)
  await expectStill(join(folder, 'cut'))
})
