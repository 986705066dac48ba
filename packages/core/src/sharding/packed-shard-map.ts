import { isOfNumbers, type Line, lowestPosition } from './line.js'
import { type NumberStarts, numberStartsOf } from './number-starts.js'
import { makeShardMap, type ShardMap, type Stretch, startOf } from './shard-map.js'
import { invalid, readEpoch, readLine, readShards, record, show } from './shard-map-json.js'

/** All of a map but its stretches, as plain data. */
export interface ShardMapHead {
  readonly format: 1
  readonly epoch: number
  readonly line: Line
  readonly shards: readonly string[]
}

/**
 * A map as a database keeps it: what a person can read, and the stretches as bytes. Some 28,000
 * stretches take 286 kB and 1 ms to read so; as JSON it is 700 kB and up to 40 ms.
 *
 * Stretches follow one another in the order of the line, each as its owner's place in `shards` (2 bytes)
 * and where it begins: on a line of numbers 8 bytes, signed; else the length of the position in UTF-8 (4
 * bytes) and the position. All big-endian.
 */
export interface PackedShardMap {
  readonly head: ShardMapHead
  readonly stretches: Uint8Array
}

const OWNER_BYTES = 2
const NUMBER_BYTES = 8
const LENGTH_BYTES = 4

export function packShardMap(map: ShardMap): PackedShardMap {
  const { epoch, line, shards, starts } = map
  const stretches = starts.kind === 'numbers' ? packNumbers(map, starts) : packTexts(map)
  return { head: { format: 1, epoch, line, shards }, stretches }
}

/** Reads a packed map, of which nothing is taken for granted. Throws `SHARD_MAP_INVALID`. */
export function unpackShardMap(data: unknown, stretches: Uint8Array): ShardMap {
  const head = record(data, 'it')
  if (head.format !== 1) throw invalid(`its format is ${show(head.format)}, and this program knows 1`)
  const [epoch, line, shards] = [readEpoch(head.epoch), readLine(head.line), readShards(head.shards)]
  if (!isOfNumbers(line))
    return makeShardMap({ epoch, line, shards, stretches: unpackTexts(stretches, shards) })
  // The head is checked as that of any map; only its stretches are too many for the general way.
  const first = { from: lowestPosition(line), owner: shards[0] ?? '' }
  const empty = makeShardMap({ epoch, line, shards, stretches: [first] })
  return { ...empty, ...unpackNumbers(line, shards.length, stretches) }
}

function packNumbers({ owners }: ShardMap, { highs, lows }: NumberStarts): Uint8Array {
  const size = OWNER_BYTES + NUMBER_BYTES
  const view = new DataView(new ArrayBuffer(owners.length * size))
  for (let index = 0; index < owners.length; index++) {
    const at = index * size
    view.setUint16(at, owners[index] as number)
    view.setInt32(at + OWNER_BYTES, highs[index] as number)
    view.setUint32(at + OWNER_BYTES + 4, lows[index] as number)
  }
  return new Uint8Array(view.buffer)
}

function unpackNumbers(
  line: Line,
  shards: number,
  bytes: Uint8Array,
): { starts: NumberStarts; owners: Uint16Array } {
  const size = OWNER_BYTES + NUMBER_BYTES
  const count = bytes.length / size
  if (!Number.isInteger(count) || count === 0)
    throw invalid(`its stretches have ${bytes.length} bytes, and each takes ${size}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const [highs, lows] = [new Int32Array(count), new Uint32Array(count)]
  const owners = new Uint16Array(count)
  for (let index = 0; index < count; index++) {
    const at = index * size
    const owner = view.getUint16(at)
    const high = view.getInt32(at + OWNER_BYTES)
    const low = view.getUint32(at + OWNER_BYTES + 4)
    if (owner >= shards) throw invalid(`stretch ${index} belongs to place ${owner} of ${shards} shards`)
    const [highBefore, lowBefore] = [highs[index - 1] ?? high, lows[index - 1] ?? -1]
    if (high < highBefore || (high === highBefore && low <= lowBefore))
      throw invalid(`stretch ${index} does not begin after the one before it`)
    highs[index] = high
    lows[index] = low
    owners[index] = owner
  }
  checkEnds(line, highs, lows)
  return { starts: numberStartsOf(highs, lows), owners }
}

function checkEnds(line: Line, highs: Int32Array, lows: Uint32Array): void {
  const lowest = line.kind === 'remainder' ? 0 : -(2 ** 31)
  if (highs[0] !== lowest || lows[0] !== 0)
    throw invalid('the first stretch does not begin where the line does')
  const last = highs.length - 1
  if (line.kind === 'remainder' && (highs[last] !== 0 || (lows[last] as number) >= line.modulus))
    throw invalid(`the last stretch begins beyond the ${line.modulus} remainders`)
}

function packTexts(map: ShardMap): Uint8Array {
  const positions = Array.from(map.owners, (_, index) =>
    new TextEncoder().encode(String(startOf(map, index))),
  )
  const size = positions.reduce((sum, { length }) => sum + OWNER_BYTES + LENGTH_BYTES + length, 0)
  const packed = new Uint8Array(size)
  const view = new DataView(packed.buffer)
  let at = 0
  for (const [index, position] of positions.entries()) {
    view.setUint16(at, map.owners[index] as number)
    view.setUint32(at + OWNER_BYTES, position.length)
    packed.set(position, at + OWNER_BYTES + LENGTH_BYTES)
    at += OWNER_BYTES + LENGTH_BYTES + position.length
  }
  return packed
}

function unpackTexts(bytes: Uint8Array, shards: readonly string[]): Stretch[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const stretches: Stretch[] = []
  for (let at = 0; at < bytes.length; ) {
    const from = at + OWNER_BYTES + LENGTH_BYTES
    const length = from <= bytes.length ? view.getUint32(at + OWNER_BYTES) : Number.POSITIVE_INFINITY
    if (from + length > bytes.length) throw invalid(`its stretches are cut off after ${bytes.length} bytes`)
    const owner = shards[view.getUint16(at)]
    if (owner === undefined)
      throw invalid(`a stretch belongs to place ${view.getUint16(at)} of ${shards.length} shards`)
    stretches.push({ from: decoder.decode(bytes.subarray(from, from + length)), owner })
    at = from + length
  }
  return stretches
}
