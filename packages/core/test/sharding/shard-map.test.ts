import { describe, expect, test } from 'vitest'
import { Random } from '../../../../test/random.js'
import {
  fromBigInt,
  locateHash,
  locateKey,
  makeShardMap,
  movedStretches,
  moveStretch,
  moveStretches,
  type Position,
  type ShardMap,
  shardMapFromJson,
  shardMapToJson,
  sharesOf,
  stretchesOf,
  withoutShard,
  withShard,
} from '../../src/sharding/index.js'
import { LINES, ownerBySight, SEED, someMap, somePosition } from './random-map.js'

/** The owner of a position by the way that statements take. */
function ownerOf(map: ShardMap, position: Position): string {
  const { line } = map
  if (line.kind === 'hash') return map.shards[locateHash(map, fromBigInt(position as bigint))] as string
  // On a line of remainders the upper half of the hash decides.
  if (line.kind === 'remainder')
    return map.shards[locateHash(map, { high: Number(position) + line.modulus * 1000, low: 7 })] as string
  const type = { integer: 'int8', text: 'text', uuid: 'uuid' } as const
  return map.shards[locateKey(map, type[line.family], position)] as string
}

describe.each(LINES.map((line) => [line.kind === 'key' ? `${line.family} keys` : line.kind, line] as const))(
  'on a line of %s',
  (_, line) => {
    test('I8: every position has the owner of the stretch it lies in', () => {
      const chance = new Random(SEED)
      for (let round = 0; round < 200; round++) {
        const map = someMap(line, chance)
        const stretches = stretchesOf(map)
        const positions = [
          ...stretches.map(({ from }) => from),
          ...Array.from({ length: 50 }, () => somePosition(line, chance)),
        ]
        for (const position of positions)
          expect(ownerOf(map, position)).toBe(ownerBySight(position, stretches))
      }
    })

    test('a map is the same after JSON, and neighbours of one owner are one stretch', () => {
      const chance = new Random(SEED)
      for (let round = 0; round < 100; round++) {
        const map = someMap(line, chance)
        expect(shardMapFromJson(JSON.parse(JSON.stringify(shardMapToJson(map))))).toEqual(map)
        expect(map.owners.every((owner, index) => owner !== map.owners[index - 1])).toBe(true)
      }
    })

    test('I8: a move changes the owner of its stretch, of nothing else, and the epoch by one', () => {
      const chance = new Random(SEED)
      for (let round = 0; round < 200; round++) {
        const map = someMap(line, chance)
        const [a, b] = [somePosition(line, chance), somePosition(line, chance)]
        if (a === b) continue
        const [from, upTo] = inOrder(a, b)
        const to = chance.chance(0.2) ? null : upTo
        const owner = chance.pick(map.shards)
        const moved = moveStretch(map, { from, to, owner })
        expect(moved.epoch).toBe(map.epoch + 1)
        const stretches = [...stretchesOf(map), ...stretchesOf(moved)]
        for (const position of [
          from,
          upTo,
          ...stretches.map((each) => each.from),
          ...Array.from({ length: 20 }, () => somePosition(line, chance)),
        ]) {
          const inside = !isBefore(position, from) && (to === null || isBefore(position, to))
          expect(ownerOf(moved, position)).toBe(inside ? owner : ownerOf(map, position))
        }
      }
    })

    test('what lies between two maps, moved, makes the one from the other', () => {
      const chance = new Random(SEED)
      for (let round = 0; round < 100; round++) {
        const [before, other] = [someMap(line, chance), someMap(line, chance)]
        const shards = [...new Set([...before.shards, ...other.shards])]
        const from = makeShardMap({ ...before, shards, stretches: stretchesOf(before) })
        const to = makeShardMap({ ...other, shards, epoch: from.epoch + 1, stretches: stretchesOf(other) })
        const moves = movedStretches(from, to)
        expect(moveStretches(from, moves)).toEqual(to)
        for (const { from: at, source } of moves) expect(ownerOf(from, at)).toBe(source)
      }
    })
  },
)

/** By the bytes of UTF-8 and by value: written apart from what is tested. */
function isBefore(a: Position, b: Position): boolean {
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b))) < 0
}

function inOrder(a: Position, b: Position): [Position, Position] {
  return isBefore(a, b) ? [a, b] : [b, a]
}

const HASH = { kind: 'hash' } as const
const LOWEST = -(2n ** 63n)

test('a shard can join with nothing and leave once it has nothing', () => {
  const map = makeShardMap({
    epoch: 1,
    line: HASH,
    shards: ['s1'],
    stretches: [{ from: LOWEST, owner: 's1' }],
  })
  const grown = withShard(map, 's2')
  expect(sharesOf(grown)).toEqual([1, 0])
  const halved = moveStretch(grown, { from: 0n, to: null, owner: 's2' })
  expect(sharesOf(halved)).toEqual([0.5, 0.5])
  expect(() => withoutShard(halved, 's1')).toThrow('a stretch belongs to "s1", which is no shard of this map')
  const left = withoutShard(moveStretch(halved, { from: LOWEST, to: 0n, owner: 's2' }), 's1')
  expect([left.shards, left.epoch, stretchesOf(left)]).toEqual([['s2'], 5, [{ from: LOWEST, owner: 's2' }]])
})

test('maps of different lines are not compared', () => {
  const chance = new Random(SEED)
  const [hash, remainder] = LINES
  expect(() => movedStretches(someMap(hash as never, chance), someMap(remainder as never, chance))).toThrow(
    expect.objectContaining({ code: 'SHARD_MAP_INVALID' }),
  )
})

const JSON_MAP = {
  format: 1,
  epoch: 3,
  line: { kind: 'hash' },
  shards: ['s1', 's2'],
  starts: ['-9223372036854775808', '0'],
  owners: [0, 1],
}

test.each([
  [null, 'it must be a mapping, not null'],
  [[], 'it must be a mapping, not []'],
  [{ ...JSON_MAP, format: 2 }, 'its format is 2, and this program knows 1'],
  [{ ...JSON_MAP, epoch: 0 }, 'the epoch must be a whole number from 1, not 0'],
  [{ ...JSON_MAP, epoch: 'x' }, 'the epoch must be a whole number from 1, not "x"'],
  [{ ...JSON_MAP, epoch: [5] }, 'the epoch must be a whole number from 1, not [5]'],
  [
    { ...JSON_MAP, line: { kind: 'spiral' } },
    'line is of kind "spiral" and family missing, which is unknown',
  ],
  [
    { ...JSON_MAP, line: { kind: 'key', family: 'float' } },
    'line is of kind "key" and family "float", which is unknown',
  ],
  [
    { ...JSON_MAP, line: { kind: 'remainder', modulus: 0 } },
    'line.modulus must be a whole number from 1 to 4294967295, not 0',
  ],
  [{ ...JSON_MAP, shards: 's1' }, 'shards must be a list, not "s1"'],
  [{ ...JSON_MAP, shards: ['s1', 's1'] }, 'the shard "s1" is named twice'],
  [{ ...JSON_MAP, shards: [] }, 'owners[0] is 0, and shards has no such place'],
  [{ ...JSON_MAP, owners: [0] }, 'it has 2 starts and 1 owners'],
  [{ ...JSON_MAP, owners: [0, 2] }, 'owners[1] is 2, and shards has no such place'],
  [{ ...JSON_MAP, owners: [0, '1'] }, 'owners[1] is "1", and shards has no such place'],
  [{ ...JSON_MAP, owners: [0, 'length'] }, 'owners[1] is "length", and shards has no such place'],
  [{ ...JSON_MAP, starts: ['0', '5'] }, 'the first stretch must begin at -9223372036854775808, not at 0'],
  [
    { ...JSON_MAP, starts: ['-9223372036854775808', '-9223372036854775808'] },
    'has -9223372036854775808 after -9223372036854775808, not before',
  ],
  [{ ...JSON_MAP, starts: [], owners: [] }, 'it has no stretches'],
])('I9: %j is no shard map', (json, sentence) => {
  expect(() => shardMapFromJson(json)).toThrow(
    expect.objectContaining({ code: 'SHARD_MAP_INVALID', message: expect.stringContaining(sentence) }),
  )
})

test.each([
  [HASH, '9223372036854775808'],
  [HASH, '1e5'],
  [HASH, ''],
  [HASH, 5],
  [{ kind: 'remainder', modulus: 4 }, '4'],
  [{ kind: 'key', family: 'text' }, 'a\0'],
  [{ kind: 'key', family: 'text' }, '\ud800'],
  [{ kind: 'key', family: 'uuid' }, 'nonsense'],
])('I9: on the line %j there is no position %j', (line, start) => {
  expect(() => shardMapFromJson({ ...JSON_MAP, line, starts: [start, start] })).toThrow(/ has no position /)
})
