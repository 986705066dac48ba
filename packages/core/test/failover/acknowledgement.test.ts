import { expect, test } from 'vitest'
import {
  type AckRule,
  formatRule,
  holdsEveryCommit,
  parseRule,
  ruleOver,
} from '../../src/failover/acknowledgement.js'

function subsetsOf(names: readonly string[]): string[][] {
  return Array.from({ length: 2 ** names.length }, (_, bits) => names.filter((_, at) => bits & (1 << at)))
}

test('I1 nodes in reach hold every commit exactly if no quorum fits beside them (up to 6 members)', () => {
  for (let size = 0; size <= 6; size++) {
    const members = Array.from({ length: size }, (_, at) => `s${at}`)
    for (let count = 0; count <= size; count++) {
      const rule: AckRule = { count, members }
      const quorums = subsetsOf(members).filter((set) => set.length === count)
      for (const inReach of subsetsOf(members)) {
        const proven = quorums.every((quorum) => quorum.some((member) => inReach.includes(member)))
        const reign = { primary: 'p', rules: [rule], settleLsn: null }
        expect(holdsEveryCommit([reign], new Set(inReach))).toBe(proven)
      }
    }
  }
})

test('the rule over standbys survives the loss of the primary and of half of them', () => {
  expect([0, 1, 2, 3, 4, 5].map((size) => ruleOver(Array(size).fill('s')).count)).toEqual([0, 1, 1, 2, 2, 3])
})

test('while a rule changes, both the old and the new one have to be covered', () => {
  const rules = [
    { count: 1, members: ['a', 'b'] },
    { count: 1, members: ['a'] },
  ]
  const reigns = [{ primary: 'p', rules, settleLsn: null }]
  expect(holdsEveryCommit(reigns, new Set(['a']))).toBe(false)
  expect(holdsEveryCommit(reigns, new Set(['a', 'b']))).toBe(true)
  expect(holdsEveryCommit(reigns, new Set(['p']))).toBe(true)
})

test('who began a reign has every commit of the reigns before it', () => {
  const reigns = [
    { primary: 'p', rules: [ruleOver(['a', 'b', 'c'])], settleLsn: null },
    { primary: 'a', rules: [ruleOver(['b'])], settleLsn: null },
  ]
  expect(holdsEveryCommit(reigns, new Set(['a']))).toBe(true)
  expect(holdsEveryCommit(reigns, new Set(['p']))).toBe(false)
  expect(holdsEveryCommit(reigns, new Set(['b']))).toBe(false)
})

test('nobody but the primary holds what it acknowledged alone', () => {
  const alone = [{ primary: 'p', rules: [ruleOver([])], settleLsn: null }]
  expect(holdsEveryCommit(alone, new Set(['a', 'b']))).toBe(false)
})

test('a rule reads back from the setting as it was written', () => {
  for (const rule of [ruleOver([]), ruleOver(['b', 'a']), ruleOver(['node-1', 'node-2', 'node-3'])])
    expect(parseRule(formatRule(rule))).toEqual(rule)
  expect(parseRule('FIRST 1 (a)')).toBe(null)
  expect(parseRule('*')).toBe(null)
})
