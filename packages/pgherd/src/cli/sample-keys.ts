import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { HerdError } from '@pgherd/core'
import { hashOf, KeyReader, type KeyType, type KeyValue } from '@pgherd/core/sharding'

export interface SampleKeys {
  readonly type: KeyType
  readonly keys: readonly KeyValue[]
}

/** Keys as an application makes them: numbers in a row, text around such numbers, random uuids. The same each time. */
export function makeUpKeys(type: KeyType, count: number): SampleKeys {
  return { type, keys: Array.from({ length: count }, (_, index) => makeUpKey(type, index + 1)) }
}

const MOST_INT2 = 32_767

function makeUpKey(type: KeyType, number: number): KeyValue {
  if (type === 'int2') return ((number - 1) % MOST_INT2) + 1
  if (type === 'text' || type === 'varchar') return `user-${number}`
  return type === 'uuid' ? uuidOf(number) : number
}

/** Version 4 in looks, and a hash of the number in truth. */
function uuidOf(number: number): string {
  const [left, right] = [1n, 2n].map((seed) => BigInt.asUintN(64, hashOf('int8', number, seed))) as [
    bigint,
    bigint,
  ]
  const hex = ((left << 64n) | right).toString(16).padStart(32, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
}

/**
 * Reads keys from a file, one a line; empty lines are none. Without a type it is guessed from all of
 * them. Throws USAGE, PERMISSION_DENIED, and SHARD_KEY_INVALID with the line.
 */
export async function readKeys(file: string, type: KeyType | undefined): Promise<SampleKeys> {
  const lines = (await readText(file)).split(/\r?\n/)
  const keys = lines.filter((line) => line !== '')
  if (keys.length === 0) throw new HerdError('USAGE', `There is no key in ${nameOf(file)}.`)
  if (type === undefined) return { type: guessType(keys), keys }
  for (const [index, line] of lines.entries())
    if (line !== '') checkKey(type, line, `${nameOf(file)}:${index + 1}`)
  return { type, keys }
}

async function readText(file: string): Promise<string> {
  try {
    return await (file === '-' ? text(process.stdin) : readFile(file, 'utf8'))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const denied = code === 'EACCES' || code === 'EPERM'
    throw new HerdError(
      denied ? 'PERMISSION_DENIED' : 'USAGE',
      `The keys in ${nameOf(file)} cannot be read (${code}).`,
      { cause },
    )
  }
}

function nameOf(file: string): string {
  return file === '-' ? 'standard input' : file
}

const reader = new KeyReader()

function guessType(keys: readonly string[]): KeyType {
  return (['int8', 'uuid'] as const).find((type) => keys.every((key) => isOfType(type, key))) ?? 'text'
}

function isOfType(type: KeyType, key: string): boolean {
  try {
    reader.read(type, key)
    return true
  } catch {
    return false
  }
}

function checkKey(type: KeyType, key: string, place: string): void {
  try {
    reader.read(type, key)
  } catch (cause) {
    throw new HerdError('SHARD_KEY_INVALID', `${place}: ${(cause as Error).message}`, { cause })
  }
}
