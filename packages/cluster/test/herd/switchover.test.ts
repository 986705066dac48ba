import { expect, test } from 'vitest'
import {
  becomeWhole,
  failureOf,
  kindsOf,
  memoryOf,
  nodeIn,
  nodesIn,
  primaryName,
  until,
  wholeHerd,
} from './scratch-herds.js'
import { expectNothingLost, startWriters } from './writers.js'

const TIMEOUT = { timeout: 240_000 }
/**
 * What writers may wait for a planned change on a shared machine, a hundred times what it takes alone.
 * PostgreSQL by itself would wait ten seconds (wal_sender_timeout) for a standby that hangs.
 */
const PAUSE_MS = 9000

test(
  'I1: a switchover there and back loses no acknowledged write and holds writers up only shortly',
  TIMEOUT,
  async () => {
    const { herd } = await wholeHerd()
    for (const to of ['main-3', 'main-1']) {
      const writers = await startWriters(herd)
      await herd.switchover('main', { to })
      expect(primaryName(herd)).toBe(to)
      await writers.more(50)
      expect(writers.longestPauseMs()).toBeLessThan(PAUSE_MS)
      await becomeWhole(herd)
      await writers.stop()
      await expectNothingLost(herd, writers)
    }
    expect(memoryOf(herd).epoch).toBe(3)
    expect(kindsOf(herd)).not.toContain('standby-cloned-anew')
    expect(kindsOf(herd)).not.toContain('server-exited')
  },
)

test('without a wish the standby that is furthest takes over', TIMEOUT, async () => {
  const { herd } = await wholeHerd()
  await herd.switchover('main')
  expect(primaryName(herd)).not.toBe('main-1')
  await becomeWhole(herd)
  expect(nodesIn(await herd.status())['main-1']).toMatchObject({ role: 'standby', state: 'running' })
})

test(
  'a switchover that makes no sense is refused with the reason, and nothing changes',
  TIMEOUT,
  async () => {
    const { herd } = await wholeHerd()
    const refusal = (to: string): Promise<{ code: string; message: string }> =>
      failureOf(herd.switchover('main', { to }))
    expect(await refusal('main-1')).toMatchObject({
      code: 'SWITCHOVER_REFUSED',
      message: 'No switchover: main-1 is the primary already.',
    })
    expect(await refusal('main-9')).toMatchObject({ code: 'UNKNOWN_NODE' })
    expect(await failureOf(herd.switchover('other'))).toMatchObject({ code: 'UNKNOWN_GROUP' })

    await herd.disturb('main-2', 'pause')
    await until('the pause shows', async () => (await nodeIn(herd, 'main-2')).state === 'paused')
    await until('it counts no more', () => {
      const rules = herd.events.recent().filter((event) => event.kind === 'acknowledgement-changed')
      return rules.at(-1)?.message.includes('1 of main-3 has')
    })
    expect(await refusal('main-2')).toMatchObject({
      code: 'SWITCHOVER_REFUSED',
      message: 'No switchover: main-2 is not a standby in service.',
    })
    await herd.disturb('main-3', 'kill')
    const { pid } = await nodeIn(herd, 'main-1')
    expect((await nodeIn(herd, 'main-1')).role).toBe('primary')
    await herd.disturb('main-2', 'resume')
    await becomeWhole(herd)
    expect(await nodeIn(herd, 'main-1')).toMatchObject({ role: 'primary', pid })
    expect(memoryOf(herd)).toMatchObject({ epoch: 1, phase: 'steady' })
  },
)

test('a standby that hangs does not hold up the switchover to another', TIMEOUT, async () => {
  const { herd } = await wholeHerd()
  const writers = await startWriters(herd)
  await herd.disturb('main-2', 'pause')
  await herd.switchover('main', { to: 'main-3' })
  await writers.more(20)
  expect(primaryName(herd)).toBe('main-3')
  expect(writers.longestPauseMs()).toBeLessThan(PAUSE_MS)
  await herd.disturb('main-2', 'resume')
  await becomeWhole(herd)
  await writers.stop()
  await expectNothingLost(herd, writers)
})

test('stopping a herd in which a standby is paused takes no longer than otherwise', TIMEOUT, async () => {
  const { herd } = await wholeHerd()
  await herd.disturb('main-2', 'pause')
  const from = performance.now()
  await herd.stop()
  // A server that does not heed its order is killed after fifteen seconds.
  expect(performance.now() - from).toBeLessThan(14_000)
})
