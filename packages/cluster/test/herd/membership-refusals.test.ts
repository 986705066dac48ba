import { expect, test } from 'vitest'
import type { Herd } from '../../src/index.js'
import { expectMembers, expectNothingOf } from './membership.js'
import { failureOf, newStateDir, open, primaryName, specOf, until, wholeHerd } from './scratch-herds.js'
import { expectNothingLost, startWriters } from './writers.js'

const TIMEOUT = { timeout: 120_000 }
const TWO = 'groups: [{ nodes: 2 }]'
const NAMES = ['main-1', 'main-2']

test('a standby is added and one removed while another one hangs', TIMEOUT, async () => {
  const { herd, stateDir } = await wholeHerd(TWO)
  const writers = await startWriters(herd)
  await herd.disturb('main-2', 'pause')
  await herd.addNodes('main', 1)
  await writers.more(20)
  expect(await failureOf(herd.removeNode('main-3'))).toMatchObject({
    message: expect.stringContaining('main-2 is not streaming'),
  })
  await herd.removeNode('main-2')
  await writers.more(20)
  await writers.stop()
  await expectMembers(herd, stateDir, ['main-1', 'main-3'])
  expectNothingOf(stateDir, 'main-2')
  await expectNothingLost(herd, writers, 'main-3')
})

test(
  'of what is asked for at once one is done, and one that is being added can be taken back',
  TIMEOUT,
  async () => {
    const { herd, stateDir } = await wholeHerd(TWO)
    const busy = expect.stringContaining('one at a time')
    const first = herd.addNodes('main', 1)
    expect(await failureOf(herd.addNodes('main', 1))).toMatchObject({
      code: 'OPERATION_FAILED',
      message: busy,
    })
    expect(() => herd.namesForNodes('main', 1)).toThrow(/one at a time/)
    expect(() => herd.refuseRemoval('main-2')).toThrow(/one at a time/)
    expect(await first).toEqual(['main-3'])

    const removing = herd.removeNode('main-3')
    expect(await failureOf(herd.removeNode('main-3'))).toMatchObject({ message: busy })
    await removing
    expect(await failureOf(herd.removeNode('main-3'))).toMatchObject({ code: 'UNKNOWN_NODE' })

    const unwanted = failureOf(herd.addNodes('main', 1))
    await until('it is being copied', () => herd.nodesOf('main').includes('main-3'))
    herd.refuseRemoval('main-3')
    await herd.removeNode('main-3')
    expect(await unwanted).toMatchObject({
      message: 'main-3 was taken back: it was removed before it was done.',
    })
    await expectMembers(herd, stateDir, NAMES)
    expectNothingOf(stateDir, 'main-3')

    await refusals(herd)
  },
)

async function refusals(herd: Herd): Promise<void> {
  expect(await failureOf(herd.removeNode(primaryName(herd)))).toMatchObject({
    hint: expect.stringContaining('pgherd switchover main'),
  })
  expect(await failureOf(herd.removeNode('main-2'))).toMatchObject({
    message: expect.stringContaining('no standby would be left'),
    hint: expect.stringContaining('pgherd node add main'),
  })
  for (const name of ['main-9', '', '..', 'main-2/../main-1', "x'; drop table t --", 'ünï 🐘'])
    expect(await failureOf(herd.removeNode(name)), name).toMatchObject({ code: 'UNKNOWN_NODE' })
  expect(await failureOf(herd.addNodes('main', 9))).toMatchObject({
    message: 'main has 2 nodes, and can have at most 10 while it runs.',
  })
  expect(await failureOf(herd.addNodes('../main', 1))).toMatchObject({ code: 'UNKNOWN_GROUP' })
}

test('a group can have as many nodes as its settings leave room for', TIMEOUT, async () => {
  const spec = specOf(
    'postgres: { settings: { shared_buffers: 16MB, max_wal_senders: 2 } }\ngroups: [{ nodes: 2 }]',
  )
  const herd = await open(spec, newStateDir())
  await herd.whenWhole()
  expect(await failureOf(herd.addNodes('main', 1))).toMatchObject({
    message: 'main has 2 nodes, and can have at most 2 while it runs.',
  })
})
