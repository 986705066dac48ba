import { describe, expect, test } from 'vitest'
import { roleChangesBetween } from '../../src/layout/role-changes.js'
import { type Health, healthOf, healthOfHerd } from '../../src/store/topology.js'
import { groupOf, herdOf, nodeNamed } from './topologies.js'

describe('a group', () => {
  test.each<[string, Parameters<typeof groupOf>[1], Health]>([
    ['whose nodes all serve is good', {}, 'good'],
    ['in which nobody may take over is bad', { blocked: 'why' }, 'bad'],
    ['whose commits wait is bad', { stalled: 'why' }, 'bad'],
    ['that fails over is busy', { phase: 'failing-over' }, 'busy'],
    ['without a primary is bad', { nodes: [nodeNamed('main-2')] }, 'bad'],
    [
      'with a standby that is stopped is degraded',
      { nodes: [nodeNamed('main-1', { role: 'primary' }), nodeNamed('main-2', { state: 'stopped' })] },
      'degraded',
    ],
  ])('%s', (_, over, health) => expect(healthOf(groupOf(3, over))).toBe(health))
})

test('a herd is as its worst group', () => {
  expect(healthOfHerd(herdOf(groupOf(2), groupOf(2, { phase: 'promoting' })))).toBe('busy')
})

describe('role changes', () => {
  const before = herdOf(groupOf(2))
  test('are none while the primary is the same', () => {
    expect(roleChangesBetween(before, herdOf(groupOf(2, { epoch: 2 })))).toEqual([])
  })
  test('tell who is primary now', () => {
    const nodes = [nodeNamed('main-1'), nodeNamed('main-2', { role: 'primary' })]
    expect(roleChangesBetween(before, herdOf(groupOf(0, { nodes, epoch: 2 })))).toEqual([
      { group: 'main', epoch: 2, primary: 'main-2' },
    ])
  })
  test('tell when nobody is', () => {
    expect(roleChangesBetween(before, herdOf(groupOf(0, { nodes: [nodeNamed('main-2')] })))).toEqual([
      { group: 'main', epoch: 1, primary: null },
    ])
  })
})
