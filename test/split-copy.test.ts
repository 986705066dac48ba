import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CopySplitter, type KeyType, locateKey, locateRow, moduloMap } from '@pgherd/core/sharding'
import { type CopyIn, loadParser, readCopy } from '@pgherd/core/sql'
import type pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { beforeAll, expect, test } from 'vitest'
import { Random } from './random.js'
import { connect, nodesOfHerd, scratchHerd } from './scratch-herd.js'

/*
 * COPY taken apart against PostgreSQL: what is given to one table, and the parts given to one table for each shard.
 * With PGHERD_COPIES as many as wanted, with PGHERD_SEED others.
 */

const SEED = Number(process.env.PGHERD_SEED ?? 20_261_121)
const COPIES = Number(process.env.PGHERD_COPIES ?? 250)
const MAP = moduloMap(['a', 'b', 'c'])
const KEY_TYPES: readonly KeyType[] = ['int4', 'int8', 'int2', 'text', 'uuid', 'varchar']

let dsn = ''

beforeAll(async () => {
  await loadParser()
  const herd = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
  dsn = (await nodesOfHerd(herd))[0] as string
})

async function copyOut(client: pg.Client, text: string): Promise<Buffer> {
  const pieces: Buffer[] = []
  const collect = new Writable({
    write(piece: Buffer, _encoding, done) {
      pieces.push(piece)
      done()
    },
  })
  await pipeline(client.query(copyTo(text)), collect)
  return Buffer.concat(pieces)
}

async function copyIn(client: pg.Client, text: string, bytes: Uint8Array): Promise<string | null> {
  const stream = client.query(copyFrom(text))
  try {
    await pipeline([Buffer.from(bytes)], stream)
    return null
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** The parts of each shard, given the whole in random pieces; or the code of the error. */
function split(chance: Random, text: string, table: Table, bytes: Buffer): Uint8Array[] | string {
  const { columns, format } = readCopy(text) as CopyIn
  const named = columns ?? table.columns
  const parts: Uint8Array[][] = MAP.shards.map(() => [])
  const key = table.key.map(({ column, type }) => ({ column, type, place: named.indexOf(column) }))
  const longest = chance.pick([1, 3, 17, 1000])
  try {
    const splitter = new CopySplitter({
      ...{ table: 't', format, columns: named.length, key, map: MAP, first: 1, headroom: 5 },
    })
    for (let at = 0; at < bytes.length; ) {
      const next = at + chance.between(1, longest)
      for (const block of splitter.push(bytes.subarray(at, next)))
        parts[block.shard]?.push(block.bytes.subarray(5))
      at = next
    }
    for (const block of splitter.finish()) parts[block.shard]?.push(block.bytes.subarray(5))
  } catch (error) {
    return (error as { code: string }).code
  }
  return parts.map((part) => Buffer.concat(part))
}

interface Table {
  readonly columns: readonly string[]
  readonly key: readonly { readonly column: string; readonly type: KeyType }[]
}

function drawTable(chance: Random): Table & { readonly create: string } {
  const type = chance.pick(KEY_TYPES)
  const key = [{ column: 'k', type }]
  const types = new Map([['k', type as string]])
  if (chance.chance(0.3)) {
    key.push({ column: 'l', type: 'int4' })
    types.set('l', 'int4')
  }
  if (chance.chance(0.8)) types.set('t', 'text')
  if (chance.chance(0.5)) types.set('n', 'int4')
  const columns = [...types.keys()].sort(() => chance.next() - 0.5)
  const create = columns.map((column) => `${column} ${types.get(column)}`).join(', ')
  return { columns, key, create }
}

const SIGNS = ['\\', '"', "'", ',', '\t', '\n', '\r', '|', 'N', '.', ' ', 'a', 'é', '\\.', '\\N', '0']

function drawText(chance: Random): string {
  return Array.from({ length: chance.between(0, 6) }, () => chance.pick(SIGNS)).join('')
}

function drawValue(chance: Random, type: string): unknown {
  if (type === 'uuid')
    return `0000000${chance.between(0, 9)}-0000-4000-8000-00000000000${chance.between(0, 9)}`
  if (type === 'text') return drawText(chance)
  if (type === 'varchar') return `${drawText(chance)}x`
  if (type === 'int8' && chance.chance(0.3)) return String(BigInt(chance.between(-9, 9)) * 10n ** 17n)
  return chance.between(type === 'int2' ? -999 : -2_000_000_000, type === 'int2' ? 999 : 2_000_000_000)
}

/** Options of one format, and which characters mean something under them. */
function drawOptions(chance: Random, columns: readonly string[]): string {
  const kind = chance.pick(['text', 'csv', 'csv', 'binary'])
  const options = [`format ${kind}`]
  if (kind === 'binary') return options.join(', ')
  if (chance.chance(0.4)) options.push(`delimiter ${chance.pick(["'|'", "';'", "e'\\t'", "','"])}`)
  if (chance.chance(0.3)) options.push(`null '${chance.pick(['NULL', '0', '\\N', '', '-'])}'`)
  if (chance.chance(0.3)) options.push(chance.pick(['header', 'header match', 'header off']))
  if (kind === 'text') return options.join(', ')
  if (chance.chance(0.3)) options.push(`quote ''''`)
  if (chance.chance(0.3)) options.push(`escape '${chance.pick(['\\', 'a', '"', "''"])}'`)
  if (chance.chance(0.2)) options.push(`force_null (${chance.pick(columns)})`)
  if (chance.chance(0.2))
    options.push(`force_not_null ${chance.chance(0.3) ? '*' : `(${chance.pick(columns)})`}`)
  return options.join(', ')
}

/** Somewhere another byte, one too many, or one too few: mostly one that means something. */
function spoil(chance: Random, bytes: Buffer): Buffer {
  const at = chance.between(0, bytes.length)
  const sign = Buffer.from(chance.chance(0.9) ? chance.pick(SIGNS) : '\xff', 'latin1')
  return Buffer.concat([bytes.subarray(0, at), sign, bytes.subarray(at + chance.between(0, 2))])
}

function ownerOf(table: Table, row: Record<string, string>): number {
  const values = table.key.map(({ column }) => row[column] as string)
  const types = table.key.map(({ type }) => type)
  return values.length === 1
    ? locateKey(MAP, types[0] as KeyType, values[0] as string)
    : locateRow(MAP, types, values)
}

test('each row of a COPY comes to its owner once, as it is; what PostgreSQL refuses is refused', {
  timeout: 600_000,
}, async () => {
  const client = await connect(dsn)
  const seen = { copied: 0, refused: 0, stricter: 0, rows: 0 }
  for (let round = 0; round < COPIES; round++) {
    const chance = new Random(SEED + round)
    const table = drawTable(chance)
    const names = ['source', 'whole', ...MAP.shards]
    const typeOf = new Map(table.create.split(', ').map((column) => column.split(' ') as [string, string]))
    await client.query(names.map((name) => `create temp table ${name} (${table.create})`).join('; '))
    for (let row = chance.between(0, 12); row > 0; row--) {
      const values = table.columns.map((column) =>
        !['k', 'l'].includes(column) && chance.chance(0.2)
          ? null
          : drawValue(chance, typeOf.get(column) as string),
      )
      const places = values.map((_, at) => `$${at + 1}`).join(', ')
      await client.query(`insert into source values (${places})`, values)
    }
    const named = [...table.columns].sort(() => chance.next() - 0.5)
    const columns = chance.chance(0.5) ? ` (${named.join(', ')})` : ''
    const options = drawOptions(chance, table.columns)
    const outOptions = options
      .split(', ')
      .filter((option) => !option.startsWith('force'))
      .map((option) => option.replace(' match', ''))
      .join(', ')
    const textOf = (name: string): string => `copy ${name}${columns} from stdin with (${options})`
    let bytes: Buffer
    try {
      bytes = await copyOut(client, `copy source${columns} to stdout with (${outOptions})`)
    } catch {
      // Options that do not go together.
      await client.query(names.map((name) => `drop table ${name}`).join('; '))
      continue
    }
    if (!options.includes('binary') && chance.chance(0.3))
      bytes = Buffer.from(bytes.toString('latin1').replaceAll('\n', chance.pick(['\r', '\r\n'])), 'latin1')
    if (chance.chance(0.2)) bytes = bytes.subarray(0, -1)
    const isSpoilt = chance.chance(0.5)
    if (isSpoilt) bytes = spoil(chance, bytes)
    const what = `copy ${round} of seed ${SEED}: ${textOf('t')} of (${table.create}): ${JSON.stringify(bytes.toString('latin1'))}`
    const refused = await copyIn(client, textOf('whole'), bytes)
    const parts = split(chance, textOf('whole'), table, bytes)
    const rowsOf = async (name: string): Promise<Record<string, string>[]> =>
      (await client.query(`select ${table.columns.map((each) => `${each}::text`).join(', ')} from ${name}`))
        .rows
    const codes: (string | null)[] = []
    if (typeof parts === 'string') codes.push(parts)
    else
      for (const [shard, name] of MAP.shards.entries())
        codes.push(
          (parts[shard] as Uint8Array).length === 0
            ? null
            : await copyIn(client, textOf(name), parts[shard] as Uint8Array),
        )
    if (refused !== null) {
      expect(codes.filter((code) => code !== null).length, `${what} ${refused}`).toBeGreaterThan(0)
      seen.refused++
    } else {
      const whole = await rowsOf('whole')
      const failed = codes.filter((code) => code !== null)
      // A key that is NULL is refused whatever the table says, and so is what versions differ in.
      if (failed.length > 0) {
        const isKnown =
          whole.some((row) => table.key.some(({ column }) => row[column] === null)) ||
          failed[0] === '0A000' ||
          bytes.includes('\\.')
        expect(isKnown, `${what} ${failed}`).toBe(true)
        seen.stricter++
      } else {
        const found: string[] = []
        for (const [shard, name] of MAP.shards.entries())
          for (const row of await rowsOf(name)) {
            expect(ownerOf(table, row), what).toBe(shard)
            found.push(JSON.stringify(row))
          }
        expect(found.sort(), what).toEqual(whole.map((row) => JSON.stringify(row)).sort())
        seen.copied++
        seen.rows += found.length
      }
    }
    await client.query(names.map((name) => `drop table ${name}`).join('; '))
  }
  console.log(`${COPIES} copies: ${JSON.stringify(seen)}`)
  expect(seen.copied).toBeGreaterThan(0.3 * COPIES)
  expect(seen.refused).toBeGreaterThan(0.05 * COPIES)
  expect(seen.stricter).toBeLessThan(0.1 * COPIES)
})
