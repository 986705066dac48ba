import { expect, test } from 'vitest'
import { type GroupMemory, newReign, ruleOver } from '../../src/failover/index.js'
import { tendAcknowledgement } from '../../src/failover/tend-acknowledgement.js'
import { answerOf, groupOf, primary, settingsOf, standby, steadyMemory, stopped } from './observed.js'

const settings = settingsOf(3)
const both = ruleOver(['n2', 'n3'])
const onlyN2 = ruleOver(['n2'])
const seen = groupOf([primary('n1', settings), standby('n2'), stopped('n3')])

/** n3 does not stream any more. */
function writer(rule = both, lsn = 2000, flushLsn = 2000) {
  return answerOf({
    recovery: false,
    rule,
    lsn,
    replicas: { n2: { streaming: true, flushLsn, replayLsn: flushLsn } },
  })
}
const tend = (memory: GroupMemory, answer = writer()) => tendAcknowledgement(settings, memory, seen, answer)
const rulesOf = (memory: GroupMemory) => memory.reigns.at(-1)?.rules

const recorded = tend(steadyMemory(settings))
const inForce = tend(recorded.memory, writer(onlyN2))

test('first the new rule goes on record beside the old one, then it is put in force', () => {
  expect(rulesOf(recorded.memory)).toEqual([both, onlyN2])
  expect(recorded.actions).toEqual([{ kind: 'acknowledge', node: 'n1', rule: onlyN2 }])
})

test('I10 a supervisor that finds it recorded but not in force puts it in force', () => {
  expect(tend(recorded.memory)).toMatchObject({ memory: recorded.memory, actions: recorded.actions })
  const unknown = { ...writer(), rule: null }
  expect(tend(recorded.memory, unknown).actions).toEqual(recorded.actions)
})

test('I10 once it is in force, the end of WAL at that time is what its members must have', () => {
  expect(rulesOf(inForce.memory)).toEqual([both, onlyN2])
  expect(inForce.memory.reigns.at(-1)?.settleLsn).toBe(2000)
  expect(tend(inForce.memory, writer(onlyN2, 2500, 1999)).memory).toEqual(inForce.memory)
})

test('the old rule lapses when enough members have flushed that', () => {
  const settled = tend(inForce.memory, writer(onlyN2, 2500, 2000))
  expect(settled.memory.reigns).toMatchObject([{ rules: [onlyN2], settleLsn: null }])
})

test('a rule whose members never come back gives way to another, and stays on record until then', () => {
  const two = settingsOf(2, { withoutStandby: 'continue' })
  const memory = steadyMemory(two, { reigns: [newReign(two, 'n2'), newReign(two, 'n1')] })
  const gone = groupOf([primary('n1', two), stopped('n2', { stoppedAtMs: 7_000 })])
  const alone = tendAcknowledgement(two, memory, gone, answerOf({ rule: ruleOver(['n2']), replicas: {} }))
  expect(rulesOf(alone.memory)).toEqual([ruleOver(['n2']), ruleOver([])])
  const waiting = tendAcknowledgement(
    { ...two, withoutStandby: 'wait' },
    memory,
    gone,
    answerOf({ rule: ruleOver(['n2']) }),
  )
  expect(waiting.actions).toEqual([])
})

test('a standby that comes and goes leaves no rule on record twice', () => {
  const again = {
    ...steadyMemory(settings),
    reigns: [{ ...newReign(settings, 'n1'), rules: [onlyN2, both] }],
  }
  expect(rulesOf(tend(again).memory)).toEqual([both, onlyN2])
})
