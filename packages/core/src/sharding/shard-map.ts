import { HerdError } from '../errors.js'
import { type ByteStarts, byteStartAt, packByteStarts } from './byte-starts.js'
import {
  checkPosition,
  comparePositions,
  describeLine,
  isOfNumbers,
  type Line,
  lowestPosition,
  type Position,
} from './line.js'
import { type NumberStarts, numberStartAt, packNumberStarts } from './number-starts.js'
import { formatUuid, readUuid, UUID_BYTES } from './read-uuid.js'

/**
 * Which shard owns which stretch of the line of positions. A value: whoever changes something makes
 * another map, under a later epoch. By its shape every position has exactly one owner (I8): stretches
 * are known by where they begin, the first begins where the line does, each ends where the next begins.
 */
export interface ShardMap {
  readonly epoch: number
  readonly line: Line
  /** All shards, also those that own nothing (yet, or any more). */
  readonly shards: readonly string[]
  /** Where each stretch begins. Nothing writes to these arrays. */
  readonly starts: NumberStarts | ByteStarts
  /** Whose each stretch is, as an index of `shards`. */
  readonly owners: Uint16Array
}

/** A part of the line, up to where the next one begins. */
export interface Stretch {
  readonly from: Position
  readonly owner: string
}

export interface MapParts {
  readonly epoch: number
  readonly line: Line
  readonly shards: readonly string[]
  /** In order; neighbours of one owner become one stretch. */
  readonly stretches: readonly Stretch[]
}

const MOST_SHARDS = 2 ** 16

/** Puts a map together. Throws `SHARD_MAP_INVALID` with what is wrong. */
export function makeShardMap({ epoch, line, shards, stretches }: MapParts): ShardMap {
  if (!Number.isSafeInteger(epoch) || epoch < 1)
    throw invalid(`the epoch must be a whole number from 1, not ${epoch}`)
  checkShards(shards)
  checkOrder(line, stretches)
  const indexes = new Map(shards.map((shard, index) => [shard, index]))
  const merged = stretches.filter(({ owner }, index) => owner !== stretches[index - 1]?.owner)
  const owners = merged.map(({ owner }) => {
    const index = indexes.get(owner)
    if (index === undefined)
      throw invalid(`a stretch belongs to ${JSON.stringify(owner)}, which is no shard of this map`)
    return index
  })
  const starts = packStarts(
    line,
    merged.map(({ from }) => from),
  )
  return { epoch, line, shards: [...shards], starts, owners: Uint16Array.from(owners) }
}

function checkShards(shards: readonly string[]): void {
  if (shards.length === 0) throw invalid('it has no shards')
  if (shards.length > MOST_SHARDS) throw invalid(`it has more than ${MOST_SHARDS} shards`)
  const twice = shards.find((shard, index) => shards.indexOf(shard) !== index)
  if (twice !== undefined) throw invalid(`the shard ${JSON.stringify(twice)} is named twice`)
}

function checkOrder(line: Line, stretches: readonly Stretch[]): void {
  const lowest = lowestPosition(line)
  const [first] = stretches
  if (first === undefined) throw invalid('it has no stretches')
  if (first.from !== lowest)
    throw invalid(`the first stretch must begin at ${show(lowest)}, not at ${show(first.from)}`)
  for (const [index, { from }] of stretches.entries()) {
    checkPosition(line, from)
    const before = stretches[index - 1]
    if (before !== undefined && comparePositions(before.from, from) >= 0)
      throw invalid(
        `${describeLine(line).toLowerCase()} has ${show(from)} after ${show(before.from)}, not before`,
      )
  }
}

function packStarts(line: Line, positions: readonly Position[]): NumberStarts | ByteStarts {
  return isOfNumbers(line)
    ? packNumberStarts(positions as bigint[])
    : packByteStarts((positions as string[]).map((position) => bytesOf(line, position)))
}

function bytesOf(line: Line, position: string): Uint8Array {
  if (line.kind !== 'key' || line.family !== 'uuid') return new TextEncoder().encode(position)
  const bytes = new Uint8Array(UUID_BYTES)
  readUuid(position, bytes)
  return bytes
}

/** The position at which a stretch begins. */
export function startOf({ line, starts }: ShardMap, stretch: number): Position {
  if (starts.kind === 'numbers') return numberStartAt(starts, stretch)
  const bytes = byteStartAt(starts, stretch)
  return line.kind === 'key' && line.family === 'uuid'
    ? formatUuid(bytes)
    : new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}

/** All stretches, in order. */
export function stretchesOf(map: ShardMap): Stretch[] {
  return Array.from(map.owners, (owner, index) => ({
    from: startOf(map, index),
    owner: map.shards[owner] as string,
  }))
}

function show(position: Position): string {
  return typeof position === 'string' ? JSON.stringify(position) : String(position)
}

function invalid(what: string): HerdError {
  return new HerdError('SHARD_MAP_INVALID', `This is no shard map: ${what}.`)
}
