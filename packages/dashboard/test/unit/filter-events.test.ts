import type { HerdEventView } from '@pgherd/core/api'
import { expect, test } from 'vitest'
import { filterEvents, filterOf } from '../../src/timeline/filter-events.js'

function eventOf(id: number, over: Partial<HerdEventView>): HerdEventView {
  return {
    id,
    at: '',
    kind: 'primary-exited',
    group: 'main',
    node: 'main-1',
    message: '',
    cause: null,
    ...over,
  }
}

const EVENTS = [
  eventOf(1, { kind: 'group-formed' }),
  eventOf(2, { node: 'main-2', message: 'It Exited.' }),
  eventOf(3, { group: 's1', cause: { observed: 'its postmaster is gone', decided: null } }),
]

test.each([
  ['', [3, 2, 1]],
  ['kind=group-formed', [1]],
  ['group=s1', [3]],
  ['node=main-2&group=main', [2]],
  ['text=exited', [3, 2]],
  ['text=postmaster', [3]],
  ['text=nothing', []],
])('%j shows %j', (query, ids) => {
  expect(filterEvents(EVENTS, filterOf(new URLSearchParams(query))).map(({ id }) => id)).toEqual(ids)
})
