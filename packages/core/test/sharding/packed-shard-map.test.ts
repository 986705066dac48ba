import { expect, test } from 'vitest'
import { Random } from '../../../../test/random.js'
import {
  consistentHashMap,
  moduloMap,
  packShardMap,
  rangeMap,
  readPlacement,
  samePlacement,
  unpackShardMap,
} from '../../src/sharding/index.js'
import { LINES, SEED, someMap } from './random-map.js'

test.each(LINES)('a map is the same after it was packed: $kind $family', (line) => {
  const chance = new Random(SEED)
  for (let round = 0; round < 100; round++) {
    const map = someMap(line, chance)
    const { head, stretches } = packShardMap(map)
    // A driver gives bytes that begin anywhere in a buffer.
    const shifted = new Uint8Array(stretches.length + 3)
    shifted.set(stretches, 3)
    expect(unpackShardMap(JSON.parse(JSON.stringify(head)), shifted.subarray(3))).toEqual(map)
  }
})

test('a large map takes ten bytes a stretch', () => {
  const map = consistentHashMap(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])
  expect(packShardMap(map).stretches.length).toBe(map.owners.length * 10)
})

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
const numbers = packShardMap(moduloMap(['a', 'b']))
const texts = packShardMap(rangeMap('text', ['a', 'b'], ['m']))

test.each([
  [numbers.head, '', /have 0 bytes, and each takes 10/],
  [numbers.head, '0000', /have 2 bytes, and each takes 10/],
  [numbers.head, '00020000000000000000', /stretch 0 belongs to place 2 of 2 shards/],
  [numbers.head, '00000000000000000001', /does not begin where the line does/],
  [numbers.head, '00000000000000000000 00010000000000000000', /stretch 1 does not begin after/],
  [numbers.head, '00000000000000000000 0001ffffffffffffffff', /stretch 1 does not begin after/],
  [numbers.head, '00000000000000000000 00010000000000000002', /beyond the 2 remainders/],
  [{ ...numbers.head, format: 2 }, '', /format is 2, and this program knows 1/],
  [{ ...numbers.head, epoch: 0 }, '00000000000000000000', /epoch must be a whole number from 1/],
  [{ ...numbers.head, shards: [] }, '00000000000000000000', /no shards/],
  [texts.head, '0000', /cut off after 2 bytes/],
  [texts.head, '0000 00000005 61', /cut off after 7 bytes/],
  [texts.head, '0007 00000000', /place 7 of 2 shards/],
  [texts.head, '0000 00000000 0001 00000000', /after/],
] as const)('what is no packed map is refused: %#', (head, hex, sentence) => {
  expect(() => unpackShardMap(head, bytes(hex.replaceAll(' ', '')))).toThrow(sentence)
})

const row = {
  map: numbers.head,
  stretches: numbers.stretches,
  tables: { 'public.users': { kind: 'sharded', key: ['id'] } },
  groups: [
    { name: 'a', nodes: ['127.0.0.1:5432'] },
    { name: 'b', nodes: ['127.0.0.1:5433'] },
  ],
  home: 'a',
  this_group: 'b',
}

test('a row of a database is a placement, and addresses do not make it another', () => {
  const placement = readPlacement(row)
  expect(placement).toMatchObject({ home: 'a', thisGroup: 'b', tables: row.tables, groups: row.groups })
  const moved = { ...row, groups: row.groups.map((group) => ({ ...group, nodes: ['127.0.0.1:1'] })) }
  expect(samePlacement(placement, readPlacement(moved))).toBe(true)
  const other = { ...row, tables: { 'public.users': { kind: 'sharded', key: ['email'] } } }
  expect(samePlacement(placement, readPlacement(other))).toBe(false)
})

test.each([
  [{ home: 'c' }, /names the group "c", which is none of its groups/],
  [{ this_group: null }, /names the group null/],
  [{ groups: [row.groups[0]] }, /names the group "b"/],
  [{ tables: { users: { kind: 'sharded', key: [] } } }, /of kind "sharded" with a key of 0 columns/],
  [{ tables: { users: { kind: 'odd', key: [] } } }, /of kind "odd"/],
])('what is no placement is refused: %#', (wrong, sentence) => {
  expect(() => readPlacement({ ...row, ...wrong })).toThrow(sentence)
})
