import { HerdError } from '../errors.js'
import { KEY_FAMILIES, type KeyFamily } from './key-type.js'
import { checkPosition, type Line } from './line.js'
import { makeShardMap, type ShardMap, startOf } from './shard-map.js'

/** A shard map as plain data. Positions are text, since JSON's numbers are not exact beyond 2^53. */
export interface ShardMapJson {
  readonly format: 1
  readonly epoch: number
  readonly line: Line
  readonly shards: readonly string[]
  readonly starts: readonly string[]
  readonly owners: readonly number[]
}

export function shardMapToJson(map: ShardMap): ShardMapJson {
  const { epoch, line, shards, owners } = map
  const starts = Array.from(owners, (_, stretch) => String(startOf(map, stretch)))
  return { format: 1, epoch, line, shards, starts, owners: [...owners] }
}

/** Reads a map from plain data, of which nothing is taken for granted. Throws `SHARD_MAP_INVALID`. */
export function shardMapFromJson(data: unknown): ShardMap {
  const json = record(data, 'it')
  if (json.format !== 1) throw invalid(`its format is ${show(json.format)}, and this program knows 1`)
  const line = readLine(json.line)
  const shards = readShards(json.shards)
  const starts = list(json.starts, 'starts')
  const owners = list(json.owners, 'owners')
  if (starts.length !== owners.length)
    throw invalid(`it has ${starts.length} starts and ${owners.length} owners`)
  const stretches = starts.map((start, index) => {
    const place = owners[index]
    const owner = typeof place === 'number' ? shards[place] : undefined
    if (owner === undefined) throw invalid(`owners[${index}] is ${show(place)}, and shards has no such place`)
    return { from: checkPosition(line, start), owner }
  })
  return makeShardMap({ epoch: readEpoch(json.epoch), line, shards, stretches })
}

export function readShards(data: unknown): string[] {
  return list(data, 'shards').map((shard) => {
    if (typeof shard !== 'string' || shard === '') throw invalid(`a shard is called ${show(shard)}`)
    return shard
  })
}

export function readEpoch(data: unknown): number {
  if (typeof data === 'number') return data
  throw invalid(`the epoch must be a whole number from 1, not ${show(data)}`)
}

export function readLine(data: unknown): Line {
  const { kind, modulus, family } = record(data, 'line')
  if (kind === 'hash') return { kind }
  if (kind === 'remainder') {
    if (typeof modulus === 'number' && Number.isInteger(modulus) && modulus >= 1 && modulus < 2 ** 32)
      return { kind, modulus }
    throw invalid(`line.modulus must be a whole number from 1 to ${2 ** 32 - 1}, not ${show(modulus)}`)
  }
  if (kind === 'key' && isFamily(family)) return { kind, family }
  throw invalid(`line is of kind ${show(kind)} and family ${show(family)}, which is unknown`)
}

function isFamily(family: unknown): family is KeyFamily {
  return KEY_FAMILIES.some((each) => each === family)
}

export function record(data: unknown, name: string): Record<string, unknown> {
  if (typeof data === 'object' && data !== null && !Array.isArray(data))
    return data as Record<string, unknown>
  throw invalid(`${name} must be a mapping, not ${show(data)}`)
}

export function list(data: unknown, name: string): unknown[] {
  if (Array.isArray(data)) return data
  throw invalid(`${name} must be a list, not ${show(data)}`)
}

export function show(data: unknown): string {
  return data === undefined ? 'missing' : JSON.stringify(data).slice(0, 60)
}

export function invalid(what: string): HerdError {
  return new HerdError('SHARD_MAP_INVALID', `This is no shard map: ${what}.`)
}
