import { expect, test } from 'vitest'
import { type Draft, nameToType, requestOf } from '../../src/actions/draft.js'

test.each<[Draft, string, unknown]>([
  [{ kind: 'switchover', group: 'main', to: null }, 'POST v1/groups/main/switchover', { to: null }],
  [
    { kind: 'failover', group: 'main', acceptLoss: true },
    'POST v1/groups/main/failover',
    { acceptLoss: true },
  ],
  [{ kind: 'add-node', group: 'main', count: 2 }, 'POST v1/groups/main/nodes', { count: 2 }],
  [{ kind: 'remove-node', node: 'main-2' }, 'DELETE v1/nodes/main-2', { confirm: 'main-2' }],
  [{ kind: 'chaos', node: 'a/b', action: 'kill' }, 'POST v1/nodes/a%2Fb/chaos', { action: 'kill' }],
])('%j asks for %s', (draft, request, body) => {
  const asked = requestOf(draft)
  expect(`${asked.method} ${asked.path}`).toBe(request)
  expect(asked.body).toEqual(body)
})

test('a name is typed only where data may go', () => {
  expect(nameToType({ kind: 'remove-node', node: 'main-2' })).toBe('main-2')
  expect(nameToType({ kind: 'failover', group: 'main', acceptLoss: true })).toBe('main')
  expect(nameToType({ kind: 'failover', group: 'main', acceptLoss: false })).toBeNull()
  expect(nameToType({ kind: 'switchover', group: 'main', to: null })).toBeNull()
})
