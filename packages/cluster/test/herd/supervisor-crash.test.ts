import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HerdStatus } from '@pgherd/core'
import { describe, expect, test } from 'vitest'
import { herdPaths } from '../../src/index.js'
import { readGroupMemory } from '../../src/state/group-memory-file.js'
import {
  ask,
  becomeWhole,
  kindsOf,
  newStateDir,
  nodesIn,
  open,
  PATIENCE_MS,
  primaryName,
  specOf,
  supervise,
  until,
} from './scratch-herds.js'
import { expectNothingLost, startWriters } from './writers.js'

const TIMEOUT = { timeout: 240_000 }
const NAMES = ['main-1', 'main-2', 'main-3']

test(
  'I10: servers outlive a supervisor that is killed, and the next one adopts them as they are',
  TIMEOUT,
  async () => {
    const [spec, stateDir] = [specOf(), newStateDir()]
    const first = supervise(spec, stateDir)
    const { status } = (await first.told('whole')) as { status: HerdStatus }
    const before = pidsOf(status)
    await first.kill()

    const herd = await open(spec, stateDir)
    await becomeWhole(herd)
    expect(pidsOf(await herd.status())).toEqual(before)
    expect(kindsOf(herd).filter((kind) => kind === 'server-adopted')).toHaveLength(3)
    expect((await herd.status()).epoch).toBe(1)
    const writers = await startWriters(herd)
    await herd.leave()

    // Nobody supervises now, and the servers go on serving.
    await writers.more(50)
    const started = await startTimes(herd)
    const again = await open(spec, stateDir)
    await becomeWhole(again)
    expect(await startTimes(again)).toEqual(started)
    await writers.more(50)

    // An adopted primary is watched like any other.
    await again.disturb('main-1', 'kill')
    await writers.more(50)
    await becomeWhole(again)
    await writers.stop()
    expect(primaryName(again)).not.toBe('main-1')
    await expectNothingLost(again, writers)
  },
)

describe('I1, I10: a supervisor killed in the middle of a failover', () => {
  const moments: [string, (memoryFile: string) => Promise<unknown>][] = [
    ['at once', async () => {}],
    ['after 15 ms', () => sleep(15)],
    ['after 60 ms', () => sleep(60)],
    ['after 150 ms', () => sleep(150)],
    ['as soon as it is on record as failing over', (file) => whenPhase(file, 'failing-over')],
    ['as soon as a successor is on record', (file) => whenPhase(file, 'promoting')],
  ]
  test.each(moments)(
    '%s is followed by one that finishes it, and nothing is lost',
    TIMEOUT,
    async (_, moment) => {
      const [spec, stateDir] = [specOf(), newStateDir()]
      const first = supervise(spec, stateDir)
      const { status } = (await first.told('whole')) as { status: HerdStatus }
      await first.kill()
      // Taken over only to know the passwords; the second child is the one that is killed.
      const known = await open(spec, stateDir)
      const writers = await startWriters(known)
      await known.leave()
      const second = supervise(spec, stateDir)
      await second.told('whole')

      process.kill(pidsOf(status)['main-1'] as number, 'SIGKILL')
      await moment(herdPaths(stateDir, spec.name).group('main'))
      await second.kill()
      await sleep(200)

      const herd = await open(spec, stateDir)
      await writers.more(50)
      await becomeWhole(herd)
      await writers.stop()
      await expectNothingLost(herd, writers)
      const roles = Object.values(nodesIn(await herd.status())).map((node) => node.role)
      expect(roles.filter((role) => role === 'primary')).toHaveLength(1)
    },
  )
})

describe('I1, I10: a supervisor killed in the middle of a switchover', () => {
  test.each([0, 50, 200, 500])(
    'after %i ms is followed by one that ends it either way',
    TIMEOUT,
    async (ms) => {
      const [spec, stateDir] = [specOf(), newStateDir()]
      const first = supervise(spec, stateDir)
      await first.told('whole')
      await first.kill()
      const known = await open(spec, stateDir)
      const writers = await startWriters(known)
      await known.leave()
      const second = supervise(spec, stateDir)
      await second.told('whole')
      second.child.send('switchover')
      await whenPhase(herdPaths(stateDir, spec.name).group('main'), 'switching-over')
      await sleep(ms)
      await second.kill()

      const herd = await open(spec, stateDir)
      await writers.more(50)
      await becomeWhole(herd)
      await writers.stop()
      await expectNothingLost(herd, writers)
    },
  )
})

test(
  'I1, I10: when everything is killed at once, servers and supervisor, the next start has it all',
  TIMEOUT,
  async () => {
    const [spec, stateDir] = [specOf(), newStateDir()]
    const first = await open(spec, stateDir)
    await becomeWhole(first)
    const writers = await startWriters(first)
    await first.leave()
    const child = supervise(spec, stateDir)
    const { status } = (await child.told('whole')) as { status: HerdStatus }
    await writers.more(50)
    child.child.kill('SIGKILL')
    for (const pid of Object.values(pidsOf(status))) process.kill(pid, 'SIGKILL')
    await child.kill()

    const herd = await open(spec, stateDir)
    await writers.more(50)
    await becomeWhole(herd)
    await writers.stop()
    await expectNothingLost(herd, writers)
  },
)

describe('I10: a creation that is cut off', () => {
  const moments: [string, (stateDir: string) => Promise<unknown>][] = [
    ['as soon as it has a state folder', (dir) => whenThere(join(dir, 'scratch'))],
    ['as soon as its identity is written', (dir) => whenThere(join(dir, 'scratch/herd.json'))],
    ['as soon as its passwords are written', (dir) => whenThere(join(dir, 'scratch/secrets.json'))],
    [
      'in the middle of the first copy',
      (dir) => whenThere(join(dir, 'scratch/nodes/main-1/data.incomplete')),
    ],
    ['as soon as the first data is there', (dir) => whenThere(join(dir, 'scratch/nodes/main-1/data'))],
    ['as the first server starts', (dir) => whenThere(join(dir, 'scratch/nodes/main-1/data/postmaster.pid'))],
    [
      'before the roles have their passwords',
      (dir) => whenThere(join(dir, 'scratch/nodes/main-1/data/postmaster.pid')).then(() => sleep(60)),
    ],
    ['as soon as it is formed', (dir) => whenPhase(join(dir, 'scratch/group-main.json'), 'steady')],
    [
      'in the middle of copying a standby',
      (dir) => whenThere(join(dir, 'scratch/nodes/main-2/data.incomplete')),
    ],
    ['as a standby starts', (dir) => whenThere(join(dir, 'scratch/nodes/main-3/data/postmaster.pid'))],
  ]
  test.each(moments)('%s is finished by the next start', TIMEOUT, async (_, moment) => {
    const [spec, stateDir] = [specOf(), newStateDir()]
    const child = supervise(spec, stateDir)
    await moment(stateDir)
    await child.kill()
    const herd = await open(spec, stateDir)
    await becomeWhole(herd)
    const writers = await startWriters(herd)
    await writers.stop()
    await expectNothingLost(herd, writers)
    const slots = await ask<{ slot_name: string }>(
      herd,
      primaryName(herd),
      'select slot_name from pg_replication_slots order by 1',
    )
    expect(slots.map((slot) => slot.slot_name)).toEqual(
      NAMES.filter((name) => name !== primaryName(herd)).map((name) => name.replace('-', '_')),
    )
  })
})

function pidsOf(status: HerdStatus): Record<string, number> {
  const nodes = nodesIn(status)
  return Object.fromEntries(NAMES.map((name) => [name, nodes[name]?.pid as number]))
}

async function startTimes(herd: Parameters<typeof ask>[0]): Promise<string[]> {
  const rows = await Promise.all(
    NAMES.map((name) => ask<{ at: string }>(herd, name, 'select pg_postmaster_start_time()::text as at')),
  )
  return rows.flat().map(({ at }) => at)
}

function whenThere(path: string): Promise<unknown> {
  return until(`there is ${path}`, () => existsSync(path))
}

const FIRST_EPOCH = 1

async function whenPhase(file: string, phase: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const memory = await readGroupMemory(file)
    // On a busy machine the moment can pass between two looks: what follows must hold then too.
    if (memory?.phase === phase || (memory?.epoch ?? 0) > FIRST_EPOCH) return
    if (performance.now() > deadline) throw new Error(`${file} never said ${phase}`)
    await sleep(1)
  }
}
