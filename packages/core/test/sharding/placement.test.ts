import { describe, expect, test } from 'vitest'
import { Random } from '../../../../test/random.js'
import {
  addToRing,
  comparePlacements,
  comparePositions,
  consistentHashMap,
  hashOf,
  locateKey,
  moduloMap,
  movedStretches,
  moveStretch,
  moveStretches,
  type Position,
  positionOf,
  proposeMoves,
  proposeSplits,
  rangeMap,
  removeFromRing,
  type ShardMap,
  STRATEGIES,
  sharesOf,
  stretchesOf,
  withShard,
} from '../../src/sharding/index.js'
import { LINES, ownerBySight, SEED, someMap, somePosition } from './random-map.js'

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `s${index + 1}`)
}

function someNames(chance: Random, count: number): string[] {
  return Array.from(
    { length: count },
    (_, index) => `${chance.pick(['eu', 'us', 'shard-', 'x'])}${index}${chance.between(0, 999)}`,
  )
}

describe('consistent hashing', () => {
  test('a shard that joins takes from all and moves nothing between others, and leaving undoes it', () => {
    const chance = new Random(SEED)
    for (let round = 0; round < 20; round++) {
      const [joining, ...shards] = someNames(chance, chance.between(2, 9)) as [string, ...string[]]
      const options = { virtualNodes: chance.between(1, 200) }
      const before = consistentHashMap(shards, options)
      const after = addToRing(before, joining, options)
      const moved = movedStretches(before, after)
      expect(new Set(moved.map(({ owner }) => owner))).toEqual(new Set(moved.length === 0 ? [] : [joining]))
      expect(stretchesOf(after)).toEqual(stretchesOf(consistentHashMap([...shards, joining], options)))
      const undone = removeFromRing(after, joining, options)
      expect({ ...undone, epoch: before.epoch }).toEqual(before)
      expect(undone.epoch).toBe(before.epoch + 2)
    }
  })

  test('what was moved by hand stays where it is when others join and leave', () => {
    const shards = names(4)
    const hand = { from: -(2n ** 60n), to: 2n ** 60n, owner: 's2' }
    const before = moveStretch(consistentHashMap(shards, { virtualNodes: 50 }), hand)
    const grown = addToRing(before, 's5', { virtualNodes: 50 })
    const shrunk = removeFromRing(grown, 's3', { virtualNodes: 50 })
    for (const move of movedStretches(before, grown)) expect(move.owner).toBe('s5')
    for (const move of movedStretches({ ...grown, shards: names(5) }, shrunk)) expect(move.source).toBe('s3')
  })

  test('with the default virtual nodes eight shards are within 5 % of the mean, a million keys counted', () => {
    const map = consistentHashMap(names(8))
    const counts = new Array<number>(8).fill(0)
    for (let id = 1; id <= 1_000_000; id++) {
      const shard = locateKey(map, 'int8', id)
      counts[shard] = (counts[shard] as number) + 1
    }
    expect(Math.max(...counts) / 125_000).toBeLessThan(1.05)
  })

  test.each([2, 3, 4, 8, 16])(
    'from %i shards to one more, within 5 %% of the least possible moves',
    (count) => {
      const before = consistentHashMap(names(count))
      const share = sharesOf(addToRing(before, `s${count + 1}`)).at(-1) as number
      expect(Math.abs(share * (count + 1) - 1)).toBeLessThan(0.05)
    },
  )

  test('under a load limit no shard owns more, and only full ones pass anything on', () => {
    const chance = new Random(SEED)
    for (let round = 0; round < 20; round++) {
      const shards = someNames(chance, chance.between(1, 9))
      const virtualNodes = chance.between(1, 100)
      const loadLimit = chance.pick([1, 1.01, 1.1, 1.5, 3])
      const free = consistentHashMap(shards, { virtualNodes })
      const bounded = consistentHashMap(shards, { virtualNodes, loadLimit })
      for (const share of sharesOf(bounded)) expect(share * shards.length).toBeLessThan(loadLimit + 1e-5)
      const full = sharesOf(bounded).map((share) => share * shards.length > loadLimit - 1e-5)
      for (const { source } of movedStretches(free, bounded)) expect(full[shards.indexOf(source)]).toBe(true)
      const excess = sharesOf(free).reduce(
        (sum, share) => sum + Math.max(0, share - loadLimit / shards.length),
        0,
      )
      const moved = movedStretches(free, bounded).reduce(
        (sum, { from, to }) => sum + Number(((to ?? 2n ** 63n) as bigint) - (from as bigint)) / 2 ** 64,
        0,
      )
      expect(moved).toBeGreaterThanOrEqual(excess - 1e-5)
    }
  })

  test('a virtual node stands where SQL says', () => {
    const map = consistentHashMap(['one', 'two'], { virtualNodes: 8 })
    for (const shard of map.shards)
      for (let index = 0; index < 8; index++) {
        const at = hashOf('text', shard, BigInt(index))
        expect(ownerBySight(at, stretchesOf(map))).toBe(shard)
      }
  })

  test.each([{ virtualNodes: 0 }, { virtualNodes: 1.5 }, { loadLimit: 0.9 }, { loadLimit: Number.NaN }])(
    'I9: %j makes no ring',
    (options) => {
      expect(() => consistentHashMap(['s1'], options)).toThrow(
        expect.objectContaining({ code: 'SHARD_MAP_INVALID' }),
      )
    },
  )

  test('I9: who is not there cannot leave, who is there cannot join, and the last cannot go', () => {
    const map = consistentHashMap(['s1'], { virtualNodes: 4 })
    expect(() => removeFromRing(map, 's9')).toThrow('There is no shard "s9" to remove.')
    expect(() => addToRing(map, 's1')).toThrow('the shard "s1" is named twice')
    expect(() => removeFromRing(map, 's1')).toThrow('A ring needs at least one shard.')
  })
})

describe('modulo', () => {
  test('the upper half of the hash says which shard', () => {
    const map = moduloMap(names(5))
    for (let id = -500; id < 500; id++)
      expect(BigInt(locateKey(map, 'int4', id))).toBe((BigInt.asUintN(64, hashOf('int4', id)) >> 32n) % 5n)
  })

  test('keys of a shard do not agree in the lowest bits of their hash, which PostgreSQL joins by', () => {
    const map = moduloMap(names(4))
    const ids = Array.from({ length: 8000 }, (_, id) => id).filter((id) => locateKey(map, 'int8', id) === 0)
    const buckets = new Array<number>(4).fill(0)
    for (const id of ids) {
      const bucket = Number(BigInt.asUintN(2, hashOf('int8', id)))
      buckets[bucket] = (buckets[bucket] as number) + 1
    }
    for (const count of buckets) expect(count / ids.length).toBeCloseTo(0.25, 1)
  })
})

describe('ranges', () => {
  test('each shard has what lies between its split points', () => {
    const map = rangeMap('text', names(4), ['g', 'n', '漢'])
    const placed = ['', 'a', 'fzz', 'g', 'm', 'n', 'é', '漢', '😀'].map(
      (key) => map.shards[locateKey(map, 'text', key)],
    )
    expect(placed).toEqual(['s1', 's1', 's1', 's2', 's2', 's3', 's3', 's4', 's4'])
  })

  test('I9: split points that are too many, or out of order, are refused', () => {
    expect(() => rangeMap('integer', ['s1'], [5n])).toThrow(
      '1 split points make 2 ranges, and there are 1 shards.',
    )
    expect(() => rangeMap('integer', names(3), [5n, 5n])).toThrow(
      'the line of integer keys has 5 after 5, not before',
    )
  })

  test('proposed splits are as even as any can be', () => {
    const chance = new Random(SEED)
    for (let round = 0; round < 300; round++) {
      const samples = Array.from({ length: chance.between(0, 14) }, () => BigInt(chance.between(0, 9)))
      const parts = chance.between(1, 4)
      const splits = proposeSplits(samples, parts)
      expect(splits).toEqual([...new Set(splits)].sort(comparePositions))
      expect(splits.length).toBe(Math.max(0, Math.min(parts, new Set(samples).size) - 1))
      expect(fullest(samples, splits)).toBe(leastPossible(samples, parts))
    }
  })

  function fullest(samples: readonly Position[], splits: readonly Position[]): number {
    const counts = new Array<number>(splits.length + 1).fill(0)
    for (const sample of samples) {
      const range = splits.filter((split) => comparePositions(split, sample) <= 0).length
      counts[range] = (counts[range] as number) + 1
    }
    return Math.max(...counts)
  }

  /** Every way to choose split points among the samples. */
  function leastPossible(samples: readonly Position[], parts: number): number {
    const distinct = [...new Set(samples)].sort(comparePositions).slice(1)
    const choose = (from: number, left: number): Position[][] =>
      left === 0
        ? [[]]
        : distinct
            .slice(from)
            .flatMap((split, at) => choose(from + at + 1, left - 1).map((rest) => [split, ...rest]))
    const ways = Array.from({ length: Math.min(parts, distinct.length + 1) }, (_, splits) =>
      choose(0, splits),
    ).flat()
    return Math.min(...ways.map((splits) => fullest(samples, splits)))
  }
})

describe('a proposal of moves', () => {
  function countBy(map: ShardMap, samples: readonly Position[]): number[] {
    const stretches = stretchesOf(map)
    const owners = samples.map((sample) => ownerBySight(sample, stretches))
    return map.shards.map((shard) => owners.filter((owner) => owner === shard).length)
  }

  test.each(LINES.map((line) => [line] as const))(
    'on %j leads to the loads it says, none over the limit but by one hot key',
    (line) => {
      const chance = new Random(SEED)
      for (let round = 0; round < 150; round++) {
        const map = someMap(line, chance, 8)
        const samples = Array.from({ length: chance.between(0, 200) }, () => somePosition(line, chance))
        const leaving = chance.chance(0.3) ? map.shards.slice(1, 3) : []
        const loadLimit = chance.pick([1, 1.1, 1.5])
        const { moves, before, after } = proposeMoves(map, samples, { loadLimit, leaving })
        const moved = moveStretches(map, moves)
        expect(countBy(map, samples)).toEqual(before)
        expect(countBy(moved, samples)).toEqual(after)
        const mean = samples.length / (map.shards.length - leaving.length)
        const hottest = Math.max(
          0,
          ...samples.map((sample) => samples.filter((each) => each === sample).length),
        )
        const others = before.filter((_, index) => !leaving.includes(map.shards[index] as string))
        expect(Math.max(0, ...after)).toBeLessThanOrEqual(Math.max(...others, Math.ceil(mean) + hottest))
        for (const shard of leaving) expect(after[map.shards.indexOf(shard)]).toBe(0)
      }
    },
  )

  test('of keys that all differ, no shard is over the limit afterwards', () => {
    const chance = new Random(SEED)
    for (let round = 0; round < 200; round++) {
      const map = someMap({ kind: 'key', family: 'integer' }, chance, 12)
      const samples = [
        ...new Set(Array.from({ length: chance.between(1, 300) }, () => somePosition(map.line, chance))),
      ]
      const leaving = chance.chance(0.3) ? map.shards.slice(1) : []
      const loadLimit = chance.pick([1, 1.1, 1.5])
      const { after } = proposeMoves(map, samples, { loadLimit, leaving })
      const mean = samples.length / (map.shards.length - leaving.length)
      expect(Math.max(...after)).toBeLessThanOrEqual(Math.max(Math.ceil(mean), loadLimit * mean))
    }
  })

  test('fills a new shard from a map of a ring, whose stretches are many', () => {
    const map = withShard(consistentHashMap(names(3), { virtualNodes: 500 }), 's4')
    const samples = Array.from({ length: 4000 }, (_, id) => hashOf('int8', id))
    const { moves, after } = proposeMoves(map, samples, { loadLimit: 1 })
    expect(after).toEqual([1000, 1000, 1000, 1000])
    expect(countBy(moveStretches(map, moves), samples)).toEqual(after)
  })

  test('even loads need none', () => {
    const map = rangeMap('integer', names(2), [10n])
    expect(proposeMoves(map, [1n, 2n, 11n, 12n]).moves).toEqual([])
  })

  test('an overloaded range gives its edge to a neighbour with room', () => {
    const map = rangeMap('integer', names(3), [100n, 200n])
    const samples = [...Array(60).keys()]
      .map((at) => BigInt(100 + at))
      .concat([...Array(30).keys()].map((at) => BigInt(at)))
    const { moves, before, after } = proposeMoves(map, samples)
    expect(before).toEqual([30, 60, 0])
    expect(moves).toEqual([{ from: 130n, to: 200n, owner: 's3', source: 's2', samples: 30 }])
    expect(after).toEqual([30, 30, 30])
    expect(moveStretches(map, moves).owners).toHaveLength(3)
  })

  test('a new shard gets its part of each', () => {
    const map = withShard(rangeMap('integer', names(2), [50n]), 's3')
    const samples = [...Array(90).keys()].map((at) => BigInt(at))
    const { moves, after } = proposeMoves(map, samples, { loadLimit: 1 })
    expect(moves.every(({ owner }) => owner === 's3')).toBe(true)
    expect(after).toEqual([30, 30, 30])
  })

  test('a shard that leaves is emptied, also of what nobody sampled', () => {
    const map = rangeMap('integer', names(4), [100n, 200n, 300n])
    const { moves } = proposeMoves(map, [1n, 101n, 301n], { leaving: ['s2', 's3'] })
    const shares = sharesOf(moveStretches(map, moves))
    expect(shares.slice(1, 3)).toEqual([0, 0])
  })

  test('one key that is too hot by itself stays where it is', () => {
    const map = rangeMap('integer', names(2), [10n])
    expect(proposeMoves(map, Array(50).fill(5n))).toMatchObject({ moves: [], after: [50, 0] })
  })
})

describe('the comparison of strategies', () => {
  const keys = Array.from({ length: 20_000 }, (_, index) => index + 1)
  const changes = [
    { kind: 'add', shards: 1 },
    { kind: 'remove', shards: 1 },
  ] as const

  test('finds that modulo moves most keys, the ring about as few as can be, ranges exactly', () => {
    const compared = comparePlacements({ type: 'int8', keys, shards: 4, strategies: STRATEGIES, changes })
    const moved = Object.fromEntries(
      compared.map(({ strategy, changes }) => [strategy, changes.map((each) => each.movedShare)]),
    )
    expect(moved.modulo?.[0]).toBeCloseTo(0.8, 1)
    expect(moved.modulo?.[1]).toBeCloseTo(0.75, 1)
    expect(moved['consistent-hash']?.[0]).toBeCloseTo(0.2, 1)
    expect(moved['consistent-hash']?.[1]).toBeCloseTo(0.25, 1)
    expect(moved.range).toEqual([0.2, 0.25])
    expect(compared.map(({ changes }) => changes.map((each) => each.leastShare))).toEqual(
      Array(3).fill([0.2, 0.25]),
    )
  })

  test('its balance adds up', () => {
    const compared = comparePlacements({
      type: 'text',
      keys: ['a', 'b', 'b', 'c'],
      shards: 2,
      strategies: ['range'],
      changes,
    })
    expect(compared[0]?.balance).toEqual({
      keys: [3, 1],
      fewest: 1,
      most: 3,
      mean: 2,
      deviation: 1,
      imbalance: 1.5,
    })
    expect(compared[0]?.changes.map(({ balance }) => balance.keys.length)).toEqual([3, 1])
  })

  test('no keys at all are compared too', () => {
    const [only] = comparePlacements({ type: 'uuid', keys: [], shards: 3, strategies: ['range'], changes })
    expect(only).toMatchObject({
      balance: { mean: 0, imbalance: 1 },
      changes: [{ movedShare: 0 }, { movedShare: 0 }],
    })
  })

  test('shards may come by several', () => {
    const [ring] = comparePlacements({
      type: 'int4',
      keys,
      shards: 3,
      strategies: ['consistent-hash'],
      changes: [{ kind: 'add', shards: 3 }],
    })
    expect(ring?.changes[0]?.movedShare).toBeCloseTo(0.5, 1)
    expect(positionOf({ kind: 'key', family: 'integer' }, 'int4', 3)).toBe(3n)
  })
})
