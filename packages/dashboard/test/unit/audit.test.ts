import { describe, expect, test } from 'vitest'
import { auditFilterOf, auditPath } from '../../src/audit/audit-filter.js'
import { describeRequest } from '../../src/audit/describe-request.js'

const ENTRY = {
  id: 1,
  at: '2030-01-01T00:00:00Z',
  action: 'sql' as const,
  who: 'loopback',
  from: '127.0.0.1',
  method: 'POST',
  path: '/v1/sql',
  status: 200,
  outcome: 'accepted' as const,
  job: null,
  what: '{"text":"select 1","values":[]}',
}

test.each([
  ['', 'v1/audit?last=100'],
  [
    'action=sql&who=a%26b&outcome=refused&before=7',
    'v1/audit?last=100&action=sql&who=a%26b&outcome=refused&before=7',
  ],
  ['action=burn&outcome=bad&before=-1&other=1', 'v1/audit?last=100'],
  ['action=toString', 'v1/audit?last=100'],
])('the address %s asks for %s', (address, path) => {
  expect(auditPath(auditFilterOf(new URLSearchParams(address)))).toBe(path)
})

describe('what was asked for', () => {
  test('of a statement is its text', () => {
    expect(describeRequest(ENTRY)).toBe('select 1')
  })

  test('of another action is the request with its body', () => {
    const entry = { ...ENTRY, action: 'switchover' as const, path: '/v1/groups/main/switchover' }
    expect(describeRequest({ ...entry, what: '{"to":"main-2"}' })).toBe(
      'POST /v1/groups/main/switchover {"to":"main-2"}',
    )
    expect(describeRequest({ ...entry, what: '{}' })).toBe('POST /v1/groups/main/switchover')
  })

  test.each([null, '{"text":"select 1', '{"text":7}', '"text"', 'null'])(
    'is told of the body %s too',
    (what) => {
      expect(describeRequest({ ...ENTRY, what })).toBe(`POST /v1/sql ${what ?? ''}`.trim())
    },
  )
})
