import { expect, test } from 'vitest'
import { chooseSuccessor, type GroupMemory, isLetGo, newReign, ruleOver } from '../../src/failover/index.js'
import { tendAcknowledgement } from '../../src/failover/tend-acknowledgement.js'
import { tendStandbys } from '../../src/failover/tend-standbys.js'
import { answerOf, groupOf, primary, settingsOf, standby, steadyMemory, stopped } from './observed.js'

const before = settingsOf(3)
const settings = { ...before, leaving: ['n3'] }
const onlyN2 = ruleOver(['n2'])
const both = ruleOver(['n2', 'n3'])

/** Both stream; n2 has flushed this far. */
function writer(rule = both, flushLsn = 2000) {
  const replica = { streaming: true, flushLsn, replayLsn: flushLsn }
  return answerOf({
    recovery: false,
    rule,
    lsn: 2000,
    slots: ['n2', 'n3'],
    replicas: { n2: replica, n3: replica },
  })
}

const seen = groupOf([primary('n1', settings), standby('n2'), standby('n3')])
const tend = (memory: GroupMemory, answer = writer()) =>
  tendAcknowledgement(settings, memory, seen, answer).memory

test('I1 a standby that leaves is let go only when no rule on record counts on it any more', () => {
  const first = steadyMemory(before)
  expect(isLetGo(settings, first, 'n3')).toBe(false)
  const recorded = tend(first)
  expect(recorded.reigns.at(-1)?.rules).toEqual([both, onlyN2])
  expect(isLetGo(settings, recorded, 'n3')).toBe(false)
  // In force, but n2 does not have everything yet that n3 may have acknowledged.
  const inForce = tend(recorded, writer(onlyN2))
  expect(isLetGo(settings, inForce, 'n3')).toBe(false)
  expect(isLetGo(settings, tend(inForce, writer(onlyN2, 1999)), 'n3')).toBe(false)
  expect(isLetGo(settings, tend(inForce, writer(onlyN2)), 'n3')).toBe(true)
  expect(isLetGo(before, tend(inForce, writer(onlyN2)), 'n3')).toBe(false)
})

test('I1 until then a failover without it is refused where it may hold the last commits alone', () => {
  const recorded = tend(steadyMemory(before))
  const lost = groupOf([stopped('n1'), standby('n2'), stopped('n3')])
  expect(
    chooseSuccessor(settings, lost, recorded.reigns, {
      notBeforeMs: 0,
      lossAccepted: false,
      announced: recorded,
    }),
  ).toMatchObject({ kind: 'none' })
})

test('one that was let go is neither started nor copied again, and its slot is dropped', () => {
  const memory: GroupMemory = { ...steadyMemory(before), reigns: [newReign(settings, 'n1')] }
  expect(memory.reigns[0]?.rules).toEqual([onlyN2])
  const halted = groupOf([
    { ...primary('n1', settings), answer: writer(onlyN2) },
    standby('n2'),
    { ...stopped('n3'), disk: 'standby' },
  ])
  const { actions } = tendStandbys(settings, memory, halted, { seekHelp: false })
  expect(actions.filter(({ node }) => node === 'n3')).toEqual([])
  expect(actions).toContainEqual({ kind: 'slots', node: 'n1', slots: ['n2'] })
})
