import { describe, expect, test } from 'vitest'
import {
  chooseNode,
  type GroupView,
  lsnForStaleness,
  type NodeView,
  unseenGroup,
  whyNoPrimary,
} from '../../src/routing/index.js'

const IDLE = (): number => 0

function group(nodes: Record<string, Partial<NodeView>>, primary: string | null): GroupView {
  const unseen = unseenGroup('main', Object.keys(nodes))
  const merged = Object.entries(nodes).map(([name, node]) => [
    name,
    { ...(unseen.nodes[name] as NodeView), ...node },
  ])
  return { ...unseen, nodes: Object.fromEntries(merged), primary }
}

const IN = { state: 'in', role: 'standby', lsn: 100 } as const
const PRIMARY = { state: 'in', role: 'primary', lsn: 200 } as const
const OUT = { state: 'out', role: 'standby', why: 'connection refused', lsn: 100 } as const
const LAGGING = { state: 'out', role: 'standby', why: 'it lags too far behind', lsn: 100 } as const

describe('the node for a statement', () => {
  test.each<[string, GroupView, 'primary' | 'standby', number, unknown]>([
    ['a write goes to the primary', group({ a: PRIMARY, b: IN }, 'a'), 'primary', 0, 'a'],
    ['a read goes to a standby', group({ a: PRIMARY, b: IN }, 'a'), 'standby', 0, 'b'],
    ['a standby that has it all is good enough', group({ a: PRIMARY, b: IN }, 'a'), 'standby', 100, 'b'],
    ['all standbys out: the primary', group({ a: PRIMARY, b: OUT, c: LAGGING }, 'a'), 'standby', 0, 'a'],
    ['no standby at all: the primary', group({ a: PRIMARY }, 'a'), 'standby', 500, 'a'],
    ['a node not asked yet gets nothing', group({ a: PRIMARY, b: {} }, 'a'), 'standby', 0, 'a'],
    ['no primary: reads go on', group({ a: OUT, b: IN }, null), 'standby', 0, 'b'],
    ['nobody but one that lags: better than nobody', group({ a: OUT, b: LAGGING }, null), 'standby', 0, 'b'],
  ])('%s', (_what, view, role, minLsn, node) => {
    expect(chooseNode(view, { role, minLsn }, IDLE, 0)).toMatchObject({ kind: 'node', node })
  })

  test('standbys that have not replayed that far are named', () => {
    const view = group({ a: PRIMARY, b: IN, c: { ...IN, lsn: 50 } }, 'a')
    expect(chooseNode(view, { role: 'standby', minLsn: 101 }, IDLE, 0)).toEqual({
      kind: 'behind',
      standbys: ['b', 'c'],
    })
    expect(chooseNode(view, { role: 'standby', minLsn: 60 }, IDLE, 5)).toMatchObject({ node: 'b' })
  })

  test('standbys take turns, and the one with less to do comes first', () => {
    const view = group({ a: PRIMARY, b: IN, c: IN }, 'a')
    const need = { role: 'standby', minLsn: 0 } as const
    const turns = [0, 1, 2, 3].map((turn) => chooseNode(view, need, IDLE, turn))
    expect(turns).toMatchObject([{ node: 'b' }, { node: 'c' }, { node: 'b' }, { node: 'c' }])
    const busy = (name: string): number => (name === 'b' ? 3 : 2)
    expect(chooseNode(view, need, busy, 0)).toMatchObject({ node: 'c' })
  })

  test('why there is no primary says how each node is', () => {
    const view = group({ a: OUT, b: IN, c: {} }, null)
    expect(chooseNode(view, { role: 'primary', minLsn: 0 }, IDLE, 0)).toEqual({
      kind: 'none',
      why: whyNoPrimary(view),
    })
    expect(whyNoPrimary(view)).toBe(
      'No primary is known (a is left out: connection refused; b is a standby; c has not answered yet).',
    )
  })
})

describe('bounded staleness', () => {
  const view: GroupView = {
    ...unseenGroup('main', ['a']),
    samples: [
      { atMs: 1000, lsn: 10 },
      { atMs: 2000, lsn: 20 },
      { atMs: 3000, lsn: 30 },
    ],
  }

  test.each<[string, number, number, number | null]>([
    ['what the primary had written when the bound began', 1500, 3000, 20],
    ['a bound that reaches back further asks for less', 10_000, 3000, 10],
    ['to the millisecond', 1000, 3000, 20],
    ['the primary was not heard of within the bound', 100, 3200, null],
    ['no staleness at all can only be had at this very moment', 0, 3001, null],
  ])('%s', (_what, maxStalenessMs, nowMs, lsn) => {
    expect(lsnForStaleness(view, maxStalenessMs, nowMs)).toBe(lsn)
  })

  test('a primary that was never heard of tells nothing', () => {
    expect(lsnForStaleness(unseenGroup('main', ['a']), 1e9, 10)).toBeNull()
  })
})
