import { expect, test } from 'vitest'
import { whyCommitsWait } from '../../src/failover/index.js'
import { groupOf, primary, settingsOf, standby, steadyMemory, stopped } from './observed.js'

const settings = settingsOf(2)
const gone = primary('n1', settings, { replicas: {} })

test('with its only standby gone a group says that commits wait, and under which policy', () => {
  const seen = groupOf([gone, stopped('n2')])
  expect(whyCommitsWait(settings, steadyMemory(settings), seen)).toBe(
    'Commits wait for a standby (n2) to be back; nothing is acknowledged before (withoutStandby: wait).',
  )
  const going = settingsOf(2, { withoutStandby: 'continue' })
  expect(whyCommitsWait(going, steadyMemory(going), seen)).toContain('goes on alone')
})

test('a standby that hangs counts as gone, though its stream is still open', () => {
  const seen = groupOf([primary('n1', settings), standby('n2', {}, { vitals: 'hung' })])
  expect(whyCommitsWait(settings, steadyMemory(settings), seen)).toContain('n2')
})

test('nothing waits while enough standbys stream, or when the rule asks for none', () => {
  expect(
    whyCommitsWait(settings, steadyMemory(settings), groupOf([primary('n1', settings), standby('n2')])),
  ).toBeNull()
  const fast = settingsOf(2, { durability: 'fast' })
  expect(whyCommitsWait(fast, steadyMemory(fast), groupOf([gone, stopped('n2')]))).toBeNull()
})
