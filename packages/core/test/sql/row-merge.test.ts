import { expect, test } from 'vitest'
import { Random } from '../../../../test/random.js'
import { RowMerge } from '../../src/sql/index.js'

type Row = [string, string]

const compare = ([one]: Row, [other]: Row): number => Number(one) - Number(other)

/** Rows of several sources, each in order, with what tells them apart. */
function randomSources(chance: Random): Row[][] {
  return Array.from({ length: chance.between(1, 6) }, (_, source) =>
    Array.from({ length: chance.pick([0, 1, 5, 40]) }, () => chance.between(0, 20))
      .sort((a, b) => a - b)
      .map((value, at): Row => [String(value), `${source}.${at}`]),
  )
}

test('rows that come little by little are in order, none lost and none twice', () => {
  const chance = new Random(3)
  for (let round = 0; round < 500; round++) {
    const sources = randomSources(chance)
    const limit = chance.pick([null, 0, 3, 50])
    const offset = chance.pick([0, 0, 2, 300])
    const merge = new RowMerge<Row>(sources.length, compare, limit, offset)
    const given = sources.map(() => 0)
    const open = new Set(sources.keys())
    const taken: Row[] = []
    while (!merge.isDone) {
      const source = chance.pick([...open, -1])
      if (source >= 0) {
        const rows = (sources[source] as Row[]).slice(
          given[source],
          (given[source] as number) + chance.between(0, 7),
        )
        merge.give(source, rows)
        given[source] = (given[source] as number) + rows.length
        if (given[source] === sources[source]?.length) {
          merge.end(source)
          open.delete(source)
        }
      }
      taken.push(...merge.take(chance.between(0, 9)))
    }
    // Of equal rows those of an earlier source come first.
    const wanted = sources
      .flat()
      .sort((one, other) => compare(one, other) || one[1].localeCompare(other[1], 'en', { numeric: true }))
    expect(taken).toEqual(wanted.slice(offset, limit === null ? undefined : offset + limit))
  }
})

test('a row is given as soon as it is certain that it is next, and not before', () => {
  const merge = new RowMerge<Row>(2, compare)
  merge.give(0, [
    ['1', 'a'],
    ['5', 'b'],
  ])
  expect(merge.take(9)).toEqual([])
  merge.give(1, [['3', 'c']])
  expect(merge.take(9)).toEqual([
    ['1', 'a'],
    ['3', 'c'],
  ])
  expect(merge.waiting(0)).toBe(1)
  expect(merge.isDone).toBe(false)
  merge.end(1)
  expect(merge.take(9)).toEqual([['5', 'b']])
  expect(merge.isDone).toBe(false)
  merge.end(0)
  expect(merge.isDone).toBe(true)
})

test('where any order will do, no row waits for another source', () => {
  const merge = new RowMerge<Row>(2, null, 2)
  merge.give(1, [
    ['3', 'c'],
    ['1', 'd'],
    ['2', 'e'],
  ])
  expect(merge.take(9)).toEqual([
    ['3', 'c'],
    ['1', 'd'],
  ])
  expect(merge.isDone).toBe(true)
})
