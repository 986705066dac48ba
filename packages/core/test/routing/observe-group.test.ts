import { describe, expect, test } from 'vitest'
import {
  forgetPosition,
  type GroupEvent,
  type GroupView,
  noteReplay,
  observeGroup,
  type Probe,
  unseenGroup,
  whyMixed,
  withNodes,
} from '../../src/routing/index.js'

const LIMITS = { maxLagMs: 1000 }
const OURS = '7000000000000000001'
const THEIRS = '7000000000000000002'

type Given = Partial<Extract<Probe, { kind: 'answer' }>>

function primary(node: string, askedAtMs: number, more: Given = {}): Probe {
  const base = { recovery: false, systemIdentifier: OURS, timeline: 1, lsn: 1000 }
  return { kind: 'answer', node, askedAtMs, ...base, ...more }
}

function standby(node: string, askedAtMs: number, more: Given = {}): Probe {
  return primary(node, askedAtMs, { recovery: true, ...more })
}

function failure(node: string, askedAtMs: number, why = 'connection refused'): Probe {
  return { kind: 'failure', node, askedAtMs, why }
}

function observe(...probes: Probe[]): { group: GroupView; events: GroupEvent[] } {
  return observeMore(unseenGroup('main', ['a', 'b', 'c']), ...probes)
}

function observeMore(from: GroupView, ...probes: Probe[]): { group: GroupView; events: GroupEvent[] } {
  let group = from
  const events: GroupEvent[] = []
  for (const probe of probes) {
    const seen = observeGroup(group, probe, LIMITS)
    group = seen.group
    events.push(...seen.events)
  }
  return { group, events }
}

const whole = observe(primary('a', 0), standby('b', 1), standby('c', 2)).group
const kinds = (events: readonly GroupEvent[]): string[] => events.map(({ kind, node }) => `${kind} ${node}`)

describe('nodes come and go', () => {
  test('the first primary took over from nobody: no event', () => {
    const { group, events } = observe(primary('a', 0), standby('b', 1))
    expect(group.primary).toBe('a')
    expect(Object.values(group.nodes).map(({ state }) => state)).toEqual(['in', 'in', 'unknown'])
    expect(events).toEqual([])
  })

  test('a node that fails is left out with the reason, once, and comes back by itself', () => {
    const gone = observeMore(whole, failure('b', 10), failure('b', 20, 'timeout'))
    expect(gone.group.nodes.b).toMatchObject({ state: 'out', why: 'timeout', role: 'standby' })
    expect(gone.events).toEqual([
      { kind: 'node-out', node: 'b', message: 'b is left out: connection refused.' },
    ])
    const back = observeMore(gone.group, standby('b', 30))
    expect(back.group.nodes.b).toMatchObject({ state: 'in', why: null })
    expect(back.events).toEqual([{ kind: 'node-back', node: 'b', message: 'b is back.' }])
  })

  test('a primary that fails is primary no more; back on its timeline it was only away', () => {
    const gone = observeMore(whole, failure('a', 10))
    expect(gone.group.primary).toBeNull()
    const back = observeMore(gone.group, primary('a', 20))
    expect(back.group.primary).toBe('a')
    expect(kinds(back.events)).toEqual(['node-back a'])
  })

  test('an answer that was overtaken by a later one tells nothing', () => {
    const gone = observeMore(whole, failure('b', 30))
    const late = observeMore(gone.group, standby('b', 20, { lsn: 5000 }))
    expect(late).toEqual({ group: gone.group, events: [] })
  })

  test('a node that nobody named tells nothing', () => {
    expect(observeMore(whole, primary('z', 10))).toEqual({ group: whole, events: [] })
  })

  test('a primary that became a standby is primary no more', () => {
    const { group, events } = observeMore(whole, standby('a', 10))
    expect(group.primary).toBeNull()
    expect(group.nodes.a).toMatchObject({ role: 'standby', state: 'in' })
    expect(events).toEqual([])
  })
})

describe('failover', () => {
  test('a new timeline is a failover, from the primary before', () => {
    const { group, events } = observeMore(whole, failure('a', 10), primary('b', 20, { timeline: 2 }))
    expect(group).toMatchObject({ primary: 'b', timeline: 2 })
    expect(events.at(-1)).toEqual({
      kind: 'failover',
      node: 'b',
      from: 'a',
      message: 'b is primary now, on timeline 2.',
    })
  })

  test('there and back is two failovers', () => {
    const there = observeMore(whole, standby('a', 10), primary('b', 20, { timeline: 2 }))
    const back = observeMore(there.group, standby('b', 30), primary('a', 40, { timeline: 3 }))
    expect(kinds([...there.events, ...back.events])).toEqual(['failover b', 'failover a'])
  })

  test('another primary on the timeline of the one before is no failover', () => {
    const { group, events } = observeMore(whole, failure('a', 10), primary('b', 20))
    expect(group.primary).toBe('b')
    expect(kinds(events)).toEqual(['node-out a'])
  })

  test('staleness is not reckoned by what an earlier primary said', () => {
    const { group } = observeMore(whole, failure('a', 10), primary('b', 20, { timeline: 2, lsn: 700 }))
    expect(group.samples).toEqual([{ atMs: 20, lsn: 700 }])
  })
})

describe('two that say they are primary', () => {
  test('the higher timeline is, and the other is left out with the reason and an event', () => {
    const { group, events } = observeMore(whole, primary('b', 10, { timeline: 2 }))
    expect(group).toMatchObject({ primary: 'b', timeline: 2 })
    expect(group.nodes.a).toMatchObject({
      state: 'out',
      why: 'it was primary on timeline 1, which timeline 2 has superseded',
    })
    expect(kinds(events)).toEqual(['node-out a', 'failover b'])
    const again = observeMore(group, primary('a', 20), primary('a', 30))
    expect(again.group.primary).toBe('b')
    expect(kinds(again.events)).toEqual(['rival-primary a'])
    expect(again.events[0]?.message).toBe(
      'a is left out: it says that it is primary on timeline 1, which timeline 2 has superseded.',
    )
  })

  test('also while the later one does not answer the earlier one stays out', () => {
    const { group } = observeMore(
      whole,
      primary('b', 10, { timeline: 2 }),
      failure('b', 20),
      primary('a', 30),
    )
    expect(group.primary).toBeNull()
    expect(group.nodes.a?.state).toBe('out')
  })

  test('on the same timeline the one known before stays', () => {
    const { group, events } = observeMore(whole, primary('b', 10))
    expect(group.primary).toBe('a')
    expect(group.nodes.b?.why).toBe('it says that it is primary, and so does a on the same timeline 1')
    expect(kinds(events)).toEqual(['rival-primary b', 'node-out b'])
  })

  test('it comes back as a standby', () => {
    const { events } = observeMore(
      whole,
      primary('b', 10, { timeline: 2 }),
      standby('a', 20, { timeline: 2 }),
    )
    expect(kinds(events)).toEqual(['node-out a', 'failover b', 'node-back a'])
  })
})

describe('lag', () => {
  const behind = (...at: [ms: number, lsn: number][]): Probe[] =>
    at.flatMap(([ms, lsn]) => [primary('a', ms, { lsn: 1000 + ms }), standby('b', ms, { lsn })])

  test('a standby that lags leaves, and stays out until it has caught up to half of the limit', () => {
    const left = observeMore(whole, ...behind([500, 1500], [1000, 1500], [1400, 1500], [1600, 1500]))
    expect(left.group.nodes.b).toMatchObject({ state: 'out', why: 'it lags too far behind', lagMs: 1100 })
    expect(left.events).toEqual([
      { kind: 'lag', node: 'b', message: 'b is 1100 ms behind and gets no reads.' },
      { kind: 'node-out', node: 'b', message: 'b is left out: it lags too far behind.' },
    ])
    const nearer = observeMore(left.group, ...behind([1700, 2000]))
    expect(nearer.group.nodes.b).toMatchObject({ state: 'out', lagMs: 700 })
    expect(nearer.events).toEqual([])
    const back = observeMore(nearer.group, ...behind([1800, 2400]))
    expect(back.group.nodes.b).toMatchObject({ state: 'in', lagMs: 400 })
    expect(kinds(back.events)).toEqual(['node-back b'])
  })

  test('up to the limit it stays in', () => {
    const { group } = observeMore(whole, ...behind([500, 1500], [1500, 1500]))
    expect(group.nodes.b).toMatchObject({ state: 'in', lagMs: 1000 })
  })

  test('while there is no primary nobody falls further behind', () => {
    const { group, events } = observeMore(
      whole,
      ...behind([500, 1400]),
      failure('a', 600),
      standby('b', 60_000, { lsn: 1400 }),
    )
    expect(group.nodes.b).toMatchObject({ state: 'in', lagBytes: 100, lagMs: 100 })
    expect(kinds(events)).toEqual(['node-out a'])
  })

  test('before the primary has said anything nobody lags', () => {
    const { group } = observe(standby('b', 5, { lsn: 1 }))
    expect(group.nodes.b).toMatchObject({ state: 'in', lagMs: null, lagBytes: null })
  })
})

describe('clusters', () => {
  const foreignWhy = `it belongs to another cluster: its system identifier is ${THEIRS}, that of the others ${OURS}`

  test('a node of another cluster is refused, whatever its timeline', () => {
    const { group, events } = observeMore(whole, primary('c', 10, { systemIdentifier: THEIRS, timeline: 9 }))
    expect(group).toMatchObject({ primary: 'a', timeline: 1, systemIdentifier: OURS })
    expect(group.nodes.c).toMatchObject({ state: 'out', role: null, why: foreignWhy })
    expect(kinds(events)).toEqual(['node-out c'])
    expect(whyMixed(group)).toBe(
      `The nodes belong to different clusters, by their system identifiers: a has ${OURS}, b has ${OURS}, c has ${THEIRS}.`,
    )
  })

  test('it is refused also while none of ours answers', () => {
    const { group } = observeMore(
      whole,
      failure('a', 10),
      failure('b', 10),
      primary('c', 20, { systemIdentifier: THEIRS }),
    )
    expect(group.primary).toBeNull()
    expect(group.nodes.c?.why).toBe(foreignWhy)
  })

  test('it comes back as one of ours', () => {
    const { group } = observeMore(whole, primary('c', 10, { systemIdentifier: THEIRS }), standby('c', 20))
    expect(group.nodes.c?.state).toBe('in')
    expect(whyMixed(group)).toBeNull()
  })

  test('when every node has gone over to another cluster, that is ours, and its timelines begin anew', () => {
    const old = observeMore(whole, primary('b', 5, { timeline: 4 })).group
    const anew = { systemIdentifier: THEIRS, lsn: 10 }
    const { group } = observeMore(
      old,
      primary('a', 10, anew),
      standby('b', 11, anew),
      standby('c', 12, anew),
      primary('a', 20, anew),
      standby('b', 21, anew),
    )
    expect(group).toMatchObject({ primary: 'a', timeline: 1, systemIdentifier: THEIRS })
    expect(Object.values(group.nodes).map(({ state }) => state)).toEqual(['in', 'in', 'in'])
  })

  test('a server that does not tell its cluster is believed', () => {
    const { group } = observeMore(whole, standby('b', 10, { systemIdentifier: null }))
    expect(group.nodes.b?.state).toBe('in')
    expect(group.systemIdentifier).toBe(OURS)
    expect(whyMixed(group)).toBeNull()
  })
})

describe('positions between probes', () => {
  test('what a standby was heard to have replayed counts, forwards only', () => {
    expect(noteReplay(whole, 'b', 2000).nodes.b?.lsn).toBe(2000)
    expect(noteReplay(whole, 'b', 500)).toBe(whole)
    expect(noteReplay(whole, 'a', 5000)).toBe(whole)
    expect(noteReplay(whole, 'z', 5000)).toBe(whole)
  })

  test('I4: of a node that may have started again nothing counts until it was asked', () => {
    const forgotten = forgetPosition(whole, 'b')
    expect(forgotten.nodes.b).toMatchObject({ state: 'in', lsn: 0 })
    expect(noteReplay(forgotten, 'b', 1000)).toBe(forgotten)
    const { group } = observeMore(forgotten, standby('b', 10, { lsn: 800 }))
    expect(noteReplay(group, 'b', 900).nodes.b?.lsn).toBe(900)
  })
})

describe('nodes that come and go', () => {
  test('one that came is unknown until it has answered; the others stay as they were', () => {
    const before = observe(primary('a', 1), standby('b', 1)).group
    const group = withNodes(before, ['a', 'b', 'd'])
    expect(group).toMatchObject({ primary: 'a', nodes: { a: before.nodes.a, d: { state: 'unknown' } } })
    expect(Object.keys(group.nodes)).toEqual(['a', 'b', 'd'])
    const { group: seen, events } = observeMore(group, standby('d', 2))
    expect(seen.nodes.d).toMatchObject({ state: 'in', role: 'standby' })
    expect(events).toEqual([])
  })

  test('what one that went says afterwards counts for nothing, and it is no primary any more', () => {
    const gone = withNodes(observe(primary('a', 1), standby('b', 1)).group, ['b'])
    expect(gone.primary).toBeNull()
    expect(observeMore(gone, primary('a', 2))).toEqual({ group: gone, events: [] })
  })
})
