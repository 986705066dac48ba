import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Herd } from '../../src/index.js'
import { findServerProcesses, isAlive } from '../../src/postgres/server-processes.js'
import {
  ask,
  becomeWhole,
  connect,
  dataOf,
  keptOf,
  killNode,
  kindsOf,
  nodeIn,
  nodesIn,
  open,
  primaryName,
  skipBecause,
  until,
  wholeHerd,
} from './scratch-herds.js'
import { expectNothingLost, startWriters } from './writers.js'

const TIMEOUT = { timeout: 240_000 }
const PG15 = '/usr/lib/postgresql/15/bin'

test('a standby whose data directory was deleted is made anew', TIMEOUT, async () => {
  const { herd } = await wholeHerd()
  const writers = await startWriters(herd)
  const inode = statSync(dataOf(herd, 'main-2')).ino
  const { pid } = await nodeIn(herd, 'main-2')
  rmSync(dataOf(herd, 'main-2'), { recursive: true, force: true, maxRetries: 20 })
  process.kill(pid as number, 'SIGKILL')
  await until('it is there again', () => existsSync(join(dataOf(herd, 'main-2'), 'PG_VERSION')))
  await becomeWhole(herd)
  await writers.stop()
  expect(statSync(dataOf(herd, 'main-2')).ino).not.toBe(inode)
  expect(primaryName(herd)).toBe('main-1')
  await until('it has it all', () =>
    expectNothingLost(herd, writers, 'main-2').then(
      () => true,
      () => false,
    ),
  )
  expect(keptOf(herd, 'main-2')).toEqual([])
})

test('a standby whose slot and WAL are gone is made anew, with the reason told', TIMEOUT, async () => {
  const { herd } = await wholeHerd(
    `postgres: { settings: { shared_buffers: 16MB, max_wal_size: 64MB, min_wal_size: 64MB, max_slot_wal_keep_size: 64MB } }`,
  )
  const { pid } = await nodeIn(herd, 'main-2')
  process.kill(pid as number, 'SIGSTOP')
  await until('it receives no more', () => endReceiver(dataOf(herd, 'main-2')))
  await loseSlot(herd, 'main_2')
  wake(pid as number)
  await until('it is made anew', () => kindsOf(herd).includes('standby-cloned-anew'))
  expect(herd.events.recent().find((event) => event.kind === 'standby-cloned-anew')?.message).toMatch(
    /main-2 cannot follow main-1 any more: the WAL it needs next is no longer on the primary/,
  )
  await becomeWhole(herd)
  const rows = await ask<{ count: string }>(herd, 'main-2', 'select count(*) from filler')
  expect(rows).toEqual(await ask(herd, 'main-1', 'select count(*) from filler'))
  expect(keptOf(herd, 'main-2')).toEqual([])
})

test(
  'a standby that can never become consistent, so that it answers nobody, is made anew',
  TIMEOUT,
  async () => {
    const { herd, spec, stateDir } = await wholeHerd(
      `postgres: { settings: { shared_buffers: 16MB, max_wal_size: 64MB, min_wal_size: 64MB, max_slot_wal_keep_size: 64MB } }`,
    )
    await herd.leave()
    killNode(herd, 'main-2')
    const wal = join(dataOf(herd, 'main-2'), 'pg_wal')
    for (const file of readdirSync(wal).filter((name) => /^[0-9A-F]{24}$/.test(name))) rmSync(join(wal, file))
    await loseSlot(herd, 'main_2')
    const again = await open(spec, stateDir)
    await until('it is made anew', () => kindsOf(again).includes('standby-cloned-anew'))
    await becomeWhole(again)
    const rows = await ask<{ count: string }>(again, 'main-2', 'select count(*) from filler')
    expect(rows).toEqual(await ask(again, 'main-1', 'select count(*) from filler'))
  },
)

/** Writes until the primary has removed WAL that the slot was for. */
async function loseSlot(herd: Herd, slot: string): Promise<void> {
  const client = await connect(herd.dsn(primaryName(herd), 'superuser'))
  await client.query('create table filler (text text)')
  await until('its slot is lost', async () => {
    await client.query(`insert into filler select repeat('x', 1000) from generate_series(1, 20000)`)
    await client.query('checkpoint')
    const { rows } = await client.query<{ wal_status: string }>(
      'select wal_status from pg_replication_slots where slot_name = $1',
      [slot],
    )
    return rows.every((row) => row.wal_status === 'lost')
  })
}

test('a slot that was dropped on the primary is made again', TIMEOUT, async () => {
  const { herd } = await wholeHerd()
  const client = await connect(herd.dsn('main-1', 'superuser'))
  await until('it is dropped', async () => {
    await client.query(
      `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'main_3' and active`,
    )
    return client.query(`select pg_drop_replication_slot('main_3')`).then(
      () => true,
      () => false,
    )
  })
  await until('it is there and used', async () => {
    const rows = await ask(
      herd,
      'main-1',
      `select from pg_replication_slots where slot_name = 'main_3' and active`,
    )
    return rows.length === 1
  })
  await becomeWhole(herd)
})

/**
 * Gives the primary WAL that no standby has, then kills it. The standbys are cut off by ending their
 * receivers while their postmasters, stopped, cannot start others.
 */
async function diverge(herd: Herd): Promise<void> {
  const nodes = Object.values(nodesIn(await herd.status()))
  const standbys = nodes.filter((node) => node.role === 'standby')
  for (const { pid } of standbys) process.kill(pid as number, 'SIGSTOP')
  for (const { name } of standbys) await until('it receives no more', () => endReceiver(dataOf(herd, name)))
  const client = await connect(herd.dsn('main-1', 'superuser'))
  await client.query('set synchronous_commit = local')
  await client.query('create table only_here (n int)')
  await herd.disturb('main-1', 'kill')
  for (const { pid } of standbys) wake(pid as number)
  await until('another is primary', () => primaryName(herd) !== 'main-1')
  await becomeWhole(herd)
}

/** A stopped server may have been found out and ended by now. */
function wake(pid: number): void {
  if (isAlive(pid)) process.kill(pid, 'SIGCONT')
}

/** True once there is none. */
function endReceiver(dataDir: string): boolean {
  const receivers = findServerProcesses(dataDir).others.filter((pid) =>
    commandOf(pid).includes('walreceiver'),
  )
  for (const pid of receivers) process.kill(pid, 'SIGTERM')
  return receivers.length === 0
}

function commandOf(pid: number): string {
  return existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/cmdline`, 'latin1') : ''
}

test(
  'I7: under fast, an old primary that diverged is made anew and its old data is kept',
  TIMEOUT,
  async () => {
    const { herd } = await wholeHerd('groups: [{ nodes: 3, durability: fast }]')
    await diverge(herd)
    expect(kindsOf(herd)).toContain('standby-cloned-anew')
    expect(kindsOf(herd)).toContain('data-kept')
    const kept = keptOf(herd, 'main-1')
    expect(kept).toHaveLength(1)
    expect(existsSync(join(dataOf(herd, 'main-1'), '../kept', kept[0] as string, 'global/pg_control'))).toBe(
      true,
    )
    expect(herd.events.recent().find((event) => event.kind === 'data-kept')?.message).toContain(kept[0])
    expect(await ask(herd, 'main-1', `select from pg_class where relname = 'only_here'`)).toEqual([])
  },
)

test(
  'under zero-loss, an old primary that diverged is made anew, and what nobody was promised is not kept',
  TIMEOUT,
  async () => {
    const { herd } = await wholeHerd()
    await diverge(herd)
    expect(kindsOf(herd)).toContain('standby-cloned-anew')
    expect(keptOf(herd, 'main-1')).toEqual([])
    expect(await ask(herd, 'main-1', `select from pg_class where relname = 'only_here'`)).toEqual([])
  },
)

test(
  'where pg_rewind is installed, an old primary that diverged is taken back instead of copied',
  TIMEOUT,
  async ({ skip }) => {
    if (!existsSync(join(PG15, 'pg_rewind'))) {
      skipBecause(`there is no PostgreSQL 15 with pg_rewind in ${PG15}`)
      skip()
    }
    // Rewinding reads back to the checkpoint before the histories part, so that WAL has to be there.
    const { herd } = await wholeHerd(
      `postgres: { version: 15, bin: ${PG15}, settings: { shared_buffers: 16MB, wal_log_hints: on, wal_keep_size: 256MB } }`,
    )
    await diverge(herd)
    expect(herd.events.recent().filter((event) => event.kind === 'rewind-failed')).toEqual([])
    expect(kindsOf(herd)).toContain('standby-rewound')
    expect(await ask(herd, 'main-1', `select from pg_class where relname = 'only_here'`)).toEqual([])
  },
)
