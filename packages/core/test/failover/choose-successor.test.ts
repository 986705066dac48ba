import { expect, test } from 'vitest'
import { chooseSuccessor, newReign } from '../../src/failover/index.js'
import { groupOf, quiet, settingsOf, standby, steadyMemory, stopped } from './observed.js'

const settings = settingsOf(3)
const { reigns } = steadyMemory(settings)
const options = { notBeforeMs: 0, lossAccepted: false, announced: { timeline: 1 } }
const old = stopped('n1')

test('the standby with the furthest WAL is chosen', () => {
  const seen = groupOf([old, standby('n2', { lsn: 900 }), standby('n3', { lsn: 1000 })])
  expect(chooseSuccessor(settings, seen, reigns, options)).toEqual({ kind: 'promote', node: 'n3' })
})

test('a tie is broken by name', () => {
  const seen = groupOf([old, standby('n3'), standby('n2')])
  expect(chooseSuccessor(settings, seen, reigns, options)).toEqual({ kind: 'promote', node: 'n2' })
})

test('a standby alone is not chosen while another may have the last commit (I1)', () => {
  const seen = groupOf([old, standby('n2'), stopped('n3')])
  const succession = chooseSuccessor(settings, seen, reigns, options)
  expect(succession).toMatchObject({ kind: 'none', reason: expect.stringContaining('n3 is stopped') })
})

test('a node that has not replayed all it has is waited for, then named', () => {
  const nodes = [old, standby('n2'), standby('n3', { settled: false })]
  const early = chooseSuccessor(settings, groupOf(nodes, { phaseAgeMs: 10 }), reigns, options)
  expect(early.kind).toBe('later')
  const late = chooseSuccessor(settings, groupOf(nodes), reigns, options)
  expect(late).toMatchObject({
    kind: 'none',
    reason: expect.stringContaining('n3 has not shown all its WAL'),
  })
})

test('an answer from before the fence does not count', () => {
  const seen = groupOf([old, standby('n2', { askedAtMs: 9_899 }), standby('n3', { askedAtMs: 9_901 })])
  expect(chooseSuccessor(settings, seen, reigns, { ...options, notBeforeMs: 9_900 }).kind).not.toBe('promote')
})

test('a standby that someone else promoted does not outrank those that hold the commits', () => {
  const seen = groupOf([
    standby('n1', { upstream: null }),
    standby('n2', { timeline: 2, lsn: 9000 }),
    standby('n3'),
  ])
  expect(chooseSuccessor(settings, seen, reigns, options)).toMatchObject({ kind: 'promote', node: 'n1' })
  const without = groupOf([old, standby('n2', { timeline: 2, lsn: 9000 }), standby('n3')])
  expect(chooseSuccessor(settings, without, reigns, options)).toMatchObject({
    kind: 'none',
    reason: expect.stringContaining('n2 went astray'),
  })
})

test('an attempted promotion outranks by its timeline', () => {
  const attempted = [...reigns, newReign(settings, 'n2')]
  const seen = groupOf([old, standby('n2', { timeline: 2, lsn: 950 }), standby('n3', { lsn: 1000 })])
  expect(chooseSuccessor(settings, seen, attempted, options)).toEqual({ kind: 'promote', node: 'n2' })
})

test('under fast the furthest one is chosen, and who may yet come is heard first', () => {
  const fast = settingsOf(3, { durability: 'fast' })
  const nodes = [old, standby('n2', { lsn: 900 }), quiet('n3')]
  expect(chooseSuccessor(fast, groupOf(nodes, { phaseAgeMs: 10 }), reigns, options).kind).toBe('later')
  expect(chooseSuccessor(fast, groupOf(nodes), reigns, options)).toEqual({ kind: 'promote', node: 'n2' })
})

test('a loss is accepted for what was on record, not for a later reign', () => {
  const forgiven = reigns.map((reign) => ({ ...reign, lossAccepted: true as const }))
  const seen = groupOf([old, standby('n2'), stopped('n3')])
  expect(chooseSuccessor(settings, seen, forgiven, options)).toEqual({ kind: 'promote', node: 'n2' })
  const later = [...forgiven, newReign(settings, 'n3')]
  expect(chooseSuccessor(settings, seen, later, options).kind).toBe('none')
})

test('a standby on a timeline that no announced primary ever wrote shows nothing', () => {
  const announced = { timeline: 3, history: { 1: 500 } }
  const seen = groupOf([old, standby('n2', { timeline: 2 }), standby('n3', { timeline: 1 })])
  expect(chooseSuccessor(settings, seen, reigns, { ...options, announced }).kind).toBe('none')
})
