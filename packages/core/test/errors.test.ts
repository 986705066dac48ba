import { describe, expect, test } from 'vitest'
import { ERROR_CATALOGUE, HerdError } from '../src/errors.js'

describe('the catalogue', () => {
  test.each(Object.entries(ERROR_CATALOGUE))('%s is one sentence', (code, { summary }) => {
    expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/)
    expect(summary).toMatch(/^[A-Z][^\n]*\.$/)
  })

  test('says everywhere that a cut-off write is not to be repeated (I3)', () => {
    expect(ERROR_CATALOGUE.OUTCOME_UNKNOWN.retryable).toBe(false)
  })
})

describe('an error', () => {
  test('takes from the catalogue whether a retry may help', () => {
    expect(new HerdError('PORT_TAKEN', 'port 5440 is in use').retryable).toBe(true)
    expect(new HerdError('USAGE', 'no such option').retryable).toBe(false)
  })

  test('keeps its cause, for whoever looks for the bug', () => {
    const cause = new Error('EADDRINUSE')
    expect(new HerdError('PORT_TAKEN', 'port 5440 is in use', { cause }).cause).toBe(cause)
    expect('cause' in new HerdError('PORT_TAKEN', 'port 5440 is in use')).toBe(false)
  })

  test('is plain data as JSON, without its stack or an empty hint', () => {
    const bare = new HerdError('USAGE', 'no such option')
    const helpful = new HerdError('USAGE', 'no such option', { hint: 'See --help.' })
    const facts = { code: 'USAGE', message: 'no such option', retryable: false }
    expect(JSON.parse(JSON.stringify(bare))).toEqual(facts)
    expect(JSON.parse(JSON.stringify(helpful))).toEqual({ ...facts, hint: 'See --help.' })
  })
})
