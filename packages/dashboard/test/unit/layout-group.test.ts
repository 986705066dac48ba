import { describe, expect, test } from 'vitest'
import { layoutGroup, type Place } from '../../src/herd/layout-group.js'
import { groupOf, nodeNamed } from './topologies.js'

function overlap(a: Place, b: Place): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

describe.each([300, 560, 1000, 1700])('in %i pixels', (width) => {
  test.each([1, 2, 3, 7, 8, 20])('%i nodes have each their own place inside', (nodeCount) => {
    const { nodes, height, arrows } = layoutGroup(groupOf(nodeCount), width)
    const places = nodes.map(({ place }) => place)
    expect(places).toHaveLength(nodeCount)
    for (const place of places) {
      expect(place.x).toBeGreaterThanOrEqual(0)
      expect(place.x + place.width).toBeLessThanOrEqual(width)
      expect(place.y + place.height).toBeLessThanOrEqual(height)
      expect(places.filter((other) => overlap(place, other))).toEqual([place])
    }
    expect(arrows).toHaveLength(nodeCount - 1)
  })
})

test('without a primary its place is vacant and nothing flows', () => {
  const nodes = [nodeNamed('main-1', { role: 'none', state: 'stopped' }), nodeNamed('main-2')]
  const layout = layoutGroup(groupOf(0, { nodes }), 900)
  expect(layout.vacant).toMatchObject({ x: 0 })
  expect(layout.arrows).toEqual([])
  expect(layout.nodes).toHaveLength(2)
})

test('nothing flows to a standby that is stopped; a copy is drawn', () => {
  const nodes = [
    nodeNamed('main-1', { role: 'primary' }),
    nodeNamed('main-2', { state: 'stopped' }),
    nodeNamed('main-3', { role: 'none', state: 'copying' }),
  ]
  const { arrows } = layoutGroup(groupOf(0, { nodes }), 900)
  expect(arrows.map(({ node }) => node.name)).toEqual(['main-3'])
})
