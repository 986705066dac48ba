import { expect, test } from 'vitest'
import { chooseSwitchoverTarget } from '../../src/failover/choose-switchover-target.js'
import { groupOf, hung, primary, settingsOf, standby, steadyMemory, stopped } from './observed.js'

const settings = settingsOf(3)
const memory = steadyMemory(settings)
const whole = groupOf([primary('n1', settings), standby('n2'), standby('n3')])
const choose = (seen = whole, to: string | null = null, now = memory) =>
  chooseSwitchoverTarget(settings, now, seen, to)

test('the standby that has flushed most is chosen, or the one a person names', () => {
  const replicas = {
    n2: { streaming: true, flushLsn: 900, replayLsn: 900 },
    n3: { streaming: true, flushLsn: 1000, replayLsn: 1000 },
  }
  const seen = groupOf([primary('n1', settings, { replicas }), standby('n2'), standby('n3')])
  expect(choose(seen)).toEqual({ kind: 'to', node: 'n3' })
  expect(choose(seen, 'n2')).toEqual({ kind: 'to', node: 'n2' })
})

const without = (node: ReturnType<typeof standby>) => groupOf([primary('n1', settings), node, standby('n3')])
const replica = { streaming: true, flushLsn: 1000, replayLsn: 1000 }

test.each([
  ['is the primary already', () => choose(whole, 'n1')],
  ['n9 is not a node of main', () => choose(whole, 'n9')],
  [
    'the group is failing-over just now',
    () => choose(whole, null, { ...memory, phase: 'failing-over' as const }),
  ],
  ['that is a case for failover', () => choose(groupOf([hung('n1'), standby('n2'), standby('n3')]))],
  ['n2 is not a standby in service', () => choose(without(stopped('n2')), 'n2')],
  ['n2 is paused', () => choose(without(standby('n2', {}, { paused: true })), 'n2')],
  ['n2 is busy (clone)', () => choose(without(standby('n2', {}, { busy: 'clone' })), 'n2')],
  [
    'n2 is not streaming from the primary',
    () =>
      choose(
        groupOf([primary('n1', settings, { replicas: { n3: replica } }), standby('n2'), standby('n3')]),
        'n2',
      ),
  ],
  [
    'bytes behind',
    () => choose(groupOf([primary('n1', settings, { lsn: 20_000_000 }), standby('n2'), standby('n3')]), 'n2'),
  ],
])('refused: %s', (reason, ask) => {
  expect(ask()).toMatchObject({ kind: 'refused', reason: expect.stringContaining(reason) })
})
