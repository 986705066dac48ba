import { expect, test } from 'vitest'
import { linkTo, parseRoute } from '../../src/layout/route.js'

test.each([
  ['', 'herd', {}],
  ['#/', 'herd', {}],
  ['#/timeline?event=12', 'timeline', { event: '12' }],
  ['#/audit?who=ana', 'audit', { who: 'ana' }],
  ['#/nowhere', 'herd', {}],
  ['#/herd?node=a%26b', 'herd', { node: 'a&b' }],
])('%s shows %s', (hash, view, params) => {
  const route = parseRoute(hash)
  expect([route.view, Object.fromEntries(route.params)]).toEqual([view, params])
})

test('a link leads where it says', () => {
  const { view, params } = parseRoute(linkTo('herd', { node: 'a&b=c' }))
  expect([view, params.get('node')]).toEqual(['herd', 'a&b=c'])
})
