import {
  comparePositions,
  familyOf,
  hashKey,
  hashOf,
  hashRow,
  KEY_TYPES,
  KeyReader,
  type KeyType,
  type KeyValue,
  PLACEMENT_SEED,
  positionOf,
  toBigInt,
} from '@pgherd/core/sharding'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { Random } from '../../../../test/random.js'
import { scratchServer } from './scratch-server.js'

const SEED = Number(process.env.PGHERD_SEED ?? 20_261_121)
const VALUES = 4000
const PARTITION_SEED = 0x7a5b22367996dcfdn

/** Every script, the ends of each length of UTF-8, and what is often cut wrongly. */
const LETTERS = [
  'a',
  'Z',
  '0',
  ' ',
  "'",
  '\\',
  '\n',
  '\u007f',
  '\u0080',
  'é',
  'ß',
  'e\u0301',
  '\u07ff',
  '\u0800',
  '漢',
  '\ud7ff',
  '\ue000',
  '\uffff',
  '😀',
  '👩‍🚀',
  '\u{10ffff}',
]
const BITS = { int2: 16, int4: 32, int8: 64 }

function someInteger(chance: Random, bits: number): bigint {
  let value = 0n
  for (let at = 0; at < 4; at++) value = (value << 16n) | BigInt(chance.between(0, 0xffff))
  return BigInt.asIntN(bits, value >> BigInt(chance.between(0, 63)))
}

function someText(chance: Random): string {
  const letters = chance.chance(0.5) ? LETTERS.slice(0, 7) : LETTERS
  return Array.from({ length: chance.between(0, 40) }, () => chance.pick(letters)).join('')
}

function someUuid(chance: Random): string {
  const hex = Array.from({ length: 32 }, () => chance.pick([...'0123456789abcdef'])).join('')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** As the server is told; each is also a value that an application may have. */
function someValue(type: KeyType, chance: Random): string {
  if (type === 'uuid') return someUuid(chance)
  if (type === 'text' || type === 'varchar') return someText(chance)
  return String(someInteger(chance, BITS[type]))
}

const EDGES: Record<KeyType, string[]> = {
  int2: ['0', '-1', '1', '32767', '-32768'],
  int4: ['0', '-1', '1', '2147483647', '-2147483648'],
  int8: [
    '0',
    '-1',
    '1',
    '4294967295',
    '4294967296',
    '-4294967296',
    '-4294967297',
    '9223372036854775807',
    '-9223372036854775808',
    '9007199254740993',
  ],
  text: ['', ' ', 'a', 'x'.repeat(11), 'x'.repeat(12), 'x'.repeat(13), '漢'.repeat(4), 'y'.repeat(100_000)],
  varchar: ['', 'a ', ' a'],
  uuid: ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
}

const HASH: Record<KeyType, string> = {
  int2: 'hashint2extended',
  int4: 'hashint4extended',
  int8: 'hashint8extended',
  text: 'hashtextextended',
  varchar: 'hashtextextended',
  uuid: 'uuid_hash_extended',
}

/** The value in every form in which it may come. */
function formsOf(type: KeyType, text: string): KeyValue[] {
  if (type === 'text' || type === 'varchar') return [text, Buffer.from(text)]
  if (type === 'uuid')
    return [
      text,
      text.toUpperCase(),
      `{${text.replaceAll('-', '')}}`,
      Buffer.from(text.replaceAll('-', ''), 'hex'),
    ]
  const number = Number(text)
  return [text, BigInt(text), ...(Number.isSafeInteger(number) ? [number] : [])]
}

async function serverHashes(
  client: pg.Client,
  type: KeyType,
  values: string[],
  seed: bigint,
): Promise<string[]> {
  const hash = type === 'text' ? `${HASH[type]}(v collate "C", $2)` : `${HASH[type]}(v, $2)`
  const text = `select ${hash} as hash from unnest($1::${type}[]) with ordinality as u (v, i) order by i`
  const { rows } = await client.query(text, [values, seed.toString()])
  return rows.map((row) => row.hash)
}

test('keys hash as on a server, whatever their type, seed and form', async () => {
  const scratch = await scratchServer()
  await scratch.start()
  const client = await scratch.connect()
  const chance = new Random(SEED)
  for (const type of KEY_TYPES) {
    const values = [...EDGES[type], ...Array.from({ length: VALUES }, () => someValue(type, chance))]
    for (const seed of [0n, 1n, -1n, 1n << 40n, PARTITION_SEED, someInteger(chance, 64)]) {
      const wanted = await serverHashes(client, type, values, BigInt.asIntN(64, seed))
      for (const [index, text] of values.entries())
        for (const form of formsOf(type, text))
          if (hashOf(type, form, seed).toString() !== wanted[index])
            expect.fail(`${type} ${JSON.stringify(text)}: ${hashOf(type, form, seed)}, not ${wanted[index]}`)
    }
  }
  expect(hashOf('int2', -7)).toBe(hashOf('int8', -7n))
})

test('values in binary format are read as the server sends them', async () => {
  const scratch = await scratchServer()
  await scratch.start()
  const client = await scratch.connect()
  const chance = new Random(SEED)
  const reader = new KeyReader()
  for (const type of KEY_TYPES) {
    const values = [...EDGES[type], ...Array.from({ length: 500 }, () => someValue(type, chance))]
    const send = type === 'uuid' ? 'uuid_send' : `${type}send`
    const { rows } = await client.query(
      `select ${send}(v) as binary, v::text as text from unnest($1::${type}[]) with ordinality as u (v, i) order by i`,
      [values],
    )
    const into = { high: 0, low: 0 }
    for (const { binary, text } of rows)
      for (const [bytes, format] of [
        [binary, 'binary'],
        [Buffer.from(text), 'text'],
      ] as const) {
        reader.readWire(type, bytes, format)
        hashKey(reader, PLACEMENT_SEED, into)
        expect(toBigInt(into)).toBe(hashOf(type, text))
      }
  }
})

test('keys of several columns combine as in hash partitioning, NULLs included', async () => {
  const scratch = await scratchServer()
  await scratch.start()
  const client = await scratch.connect()
  const chance = new Random(SEED)
  const reader = new KeyReader()
  for (let round = 0; round < 12; round++) {
    const types = Array.from({ length: chance.between(1, 4) }, () => chance.pick(KEY_TYPES))
    const names = types.map((_, index) => `c${index}`)
    const rows = Array.from({ length: 300 }, () =>
      types.map((type) => (chance.chance(0.15) ? null : someValue(type, chance))),
    )
    const columns = names.map((name, index) => `${name} ${types[index]}`).join(', ')
    await client.query(
      `drop table if exists parted; create table parted (${columns}) partition by hash (${names.join(', ')})`,
    )
    // Three moduli without a common factor: a 64-bit number that agrees in all is the same number.
    for (const modulus of [2 ** 30, 2 ** 31 - 1, 2 ** 31 - 19]) {
      const remainders = rows.map((row) => {
        const into = { high: 0, low: 0 }
        hashRow(types, row, reader, into)
        return Number(BigInt.asUintN(64, toBigInt(into)) % BigInt(modulus))
      })
      const arrays = types.map((type, index) => `$${index + 3}::${type}[]`).join(', ')
      const { rows: answers } = await client.query(
        `select count(*)::int as agree from unnest($2::int[], ${arrays}) as u (r, ${names.join(', ')})
         where satisfies_hash_partition('parted'::regclass, $1::int, r, ${names.join(', ')})`,
        [modulus, remainders, ...types.map((_, index) => rows.map((row) => row[index]))],
      )
      expect(answers).toEqual([{ agree: rows.length }])
    }
  }
})

test('ranges stand in the order of a server, text in that of collation "C"', async () => {
  const scratch = await scratchServer()
  await scratch.start()
  const client = await scratch.connect()
  const chance = new Random(SEED)
  for (const type of KEY_TYPES) {
    const line = { kind: 'key', family: familyOf(type) } as const
    const values = [...EDGES[type], ...Array.from({ length: VALUES }, () => someValue(type, chance))]
    const order = familyOf(type) === 'text' ? 'u.v collate "C"' : 'u.v'
    const { rows } = await client.query(
      `select v::text from unnest($1::${type}[]) as u (v) order by ${order}`,
      [values],
    )
    const sorted = values.map((value) => positionOf(line, type, value)).sort(comparePositions)
    expect(sorted.map(String)).toEqual(rows.map((row) => row.v))
  }
})

test('SQL says the position of a key as the map has it', async () => {
  const scratch = await scratchServer()
  await scratch.start()
  const client = await scratch.connect()
  const { rows } = await client.query(
    `select id, hashint8extended(id, 0) as hash, mod((hashint8extended(id, 0) >> 32) & 4294967295, 7) as remainder
     from generate_series(-2000, 2000) as s (id)`,
  )
  for (const { id, hash, remainder } of rows) {
    expect(positionOf({ kind: 'hash' }, 'int8', id)).toBe(BigInt(hash))
    expect(positionOf({ kind: 'remainder', modulus: 7 }, 'int8', id)).toBe(BigInt(remainder))
  }
})
