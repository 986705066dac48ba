import type { Random } from '../../../../test/random.js'
import {
  comparePositions,
  type Line,
  makeShardMap,
  type Position,
  type ShardMap,
} from '../../src/sharding/index.js'

export const SEED = Number(process.env.PGHERD_SEED ?? 20_261_121)

export const LINES: readonly Line[] = [
  { kind: 'hash' },
  { kind: 'remainder', modulus: 97 },
  { kind: 'key', family: 'integer' },
  { kind: 'key', family: 'text' },
  { kind: 'key', family: 'uuid' },
]

const LETTERS = ['', 'a', 'b', 'é', '漢', '\ud7ff', '\ue000', '\uffff', '😀', '\u{10ffff}', '\u0001']

/** Few enough that they meet each other and the boundaries. */
export function somePosition(line: Line, chance: Random): Position {
  if (line.kind === 'remainder') return BigInt(chance.between(0, line.modulus - 1))
  if (line.kind === 'key' && line.family === 'text')
    return Array.from({ length: chance.between(0, 4) }, () => chance.pick(LETTERS)).join('')
  if (line.kind === 'key' && line.family === 'uuid')
    return `${'0123456789ab'.replace(/./g, () => chance.pick(['0', '7', 'f']))}0000000000000000000${chance.pick(['0', '1'])}`.replace(
      /^(.{8})(.{4})(.{4})(.{4})(.{12})$/,
      '$1-$2-$3-$4-$5',
    )
  const edges = [-(2n ** 63n), 2n ** 63n - 1n, -1n, 0n, 2n ** 32n, -(2n ** 32n)]
  const near = BigInt(chance.between(-3, 3))
  const wide = BigInt.asIntN(64, BigInt(chance.between(0, 2 ** 32 - 1)) << BigInt(chance.between(0, 40)))
  return BigInt.asIntN(64, (chance.chance(0.3) ? chance.pick(edges) : wide) + near)
}

export function lowestOf(line: Line): Position {
  if (line.kind === 'remainder') return 0n
  if (line.kind !== 'key' || line.family === 'integer') return -(2n ** 63n)
  return line.family === 'text' ? '' : '00000000-0000-0000-0000-000000000000'
}

export function someMap(line: Line, chance: Random, most = 40): ShardMap {
  const shards = Array.from({ length: chance.between(1, 6) }, (_, index) => `s${index + 1}`)
  const some = Array.from({ length: chance.between(0, most) }, () => somePosition(line, chance))
  const starts = [lowestOf(line), ...some].sort(comparePositions)
  const distinct = starts.filter((start, index) => start !== starts[index - 1])
  const stretches = distinct.map((from) => ({ from, owner: chance.pick(shards) }))
  return makeShardMap({ epoch: chance.between(1, 1000), line, shards, stretches })
}

/** The slow way, which the fast ones are held against. */
export function ownerBySight(
  position: Position,
  starts: readonly { from: Position; owner: string }[],
): string {
  return (starts.findLast(({ from }) => comparePositions(from, position) <= 0) as { owner: string }).owner
}
