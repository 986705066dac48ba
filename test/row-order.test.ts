import { compareValuesAs } from '@pgherd/core/sql'
import { beforeAll, expect, test } from 'vitest'
import { Random } from './random.js'
import { connect, nodesOfHerd, scratchHerd } from './scratch-herd.js'

// The order of values by their text, against PostgreSQL's ORDER BY.

const VALUES = 400
const ROW_TEXT = { bytewise: true, exact: true }
let dsn: string
const chance = new Random(Number(process.env.PGHERD_SEED ?? 5))

beforeAll(async () => {
  const herd = await scratchHerd('groups: [{ name: main, nodes: 1 }]')
  dsn = (await nodesOfHerd(herd))[0] as string
})

function digits(most: number): string {
  return Array.from({ length: chance.between(1, most) }, () => chance.between(0, 9)).join('')
}

const sign = (): string => chance.pick(['', '', '-'])
const two = (low: number, high: number): string => String(chance.between(low, high)).padStart(2, '0')
const monthDay = (): string => `${two(1, 12)}-${two(1, 28)}`
/** With the era, where time stands between. */
const moment = (time: string): string => {
  const bc = chance.chance(0.25)
  const years = [
    1,
    4,
    99,
    1900,
    1999,
    2000,
    2024,
    2024,
    2025,
    2026,
    ...(bc ? [4000] : [9999, 10_000, 123_456]),
  ]
  return `${String(chance.pick(years)).padStart(4, '0')}-${monthDay()}${time}${bc ? ' BC' : ''}`
}
const ofDay = (): string =>
  `${two(0, 23)}:${two(0, 59)}:${two(0, 59)}${chance.chance(0.5) ? `.${digits(6)}` : ''}`
const hex = (length: number): string =>
  Array.from({ length }, () => '0123456789abcdef'[chance.between(0, 15)]).join('')
const word = (): string =>
  Array.from({ length: chance.between(0, 4) }, () =>
    chance.pick(['a', 'A', 'b', ' ', 'é', 'Ω', '~', '\u{ffee}', '\u{e000}', '😀', '𐐷', '\u{d7ff}', '0']),
  ).join('')

/** Random values as they may be written, by the number of their type. */
const WRITERS: Readonly<Record<string, () => string>> = {
  bool: () => chance.pick(['t', 'f']),
  int2: () => String(chance.between(-32_768, 32_767)),
  int4: () => String(chance.between(-2_147_483_648, 2_147_483_647)),
  int8: () => `${sign()}${digits(18)}`,
  oid: () => String(chance.between(0, 4_294_967_295)),
  float4: () =>
    chance.pick([
      `${sign()}${digits(5)}e${chance.between(-30, 30)}`,
      'NaN',
      'Infinity',
      '-Infinity',
      '-0',
      '0',
    ]),
  float8: () =>
    chance.pick([
      `${sign()}${digits(17)}e${chance.between(-290, 280)}`,
      `${sign()}0.${digits(17)}`,
      'NaN',
      'Infinity',
      '-Infinity',
      '-0',
      '0',
    ]),
  numeric: () =>
    chance.pick([
      `${sign()}${digits(30)}.${digits(30)}`,
      `${sign()}0.${digits(4)}`,
      `${sign()}${digits(3)}`,
      '1.50',
      '1.5',
      '0.00',
      '-0',
      'NaN',
      'Infinity',
      '-Infinity',
    ]),
  uuid: () => `${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}`,
  bytea: () => `\\x${hex(2 * chance.between(0, 3))}`,
  date: () => (chance.chance(0.1) ? chance.pick(['infinity', '-infinity']) : moment('')),
  time: () => chance.pick([ofDay(), '24:00:00']),
  timestamp: () => (chance.chance(0.1) ? chance.pick(['infinity', '-infinity']) : moment(` ${ofDay()}`)),
  timestamptz: () =>
    chance.chance(0.1)
      ? chance.pick(['infinity', '-infinity'])
      : chance.pick([moment, (time: string) => `${chance.pick(['2026-10-25', '2026-03-29'])}${time}`])(
          ` ${ofDay()}+${two(0, 12)}:30`,
        ),
  text: word,
  varchar: word,
}

test.each(Object.keys(WRITERS))('%s is sorted as PostgreSQL sorts it', async (type) => {
  const client = await connect(dsn)
  for (const zone of type === 'timestamptz'
    ? ['UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/St_Johns']
    : ['UTC']) {
    await client.query(`set time zone '${zone}'`)
    const written = Array.from({ length: VALUES }, () => (WRITERS[type] as () => string)())
    const { rows, fields } = await client.query({
      text: `select v, dense_rank() over (order by v) from unnest($1::text[]) as p (t), lateral (select t::${type}) as q (v) order by v`,
      values: [written],
      types: { getTypeParser: () => (text: string) => text },
      rowMode: 'array',
    })
    const compare = compareValuesAs(fields[0]?.dataTypeID as number, ROW_TEXT)
    if (compare === null) throw new Error(`${type} has no order`)
    for (let round = 0; round < 4000; round++) {
      const [one, other] = [chance.pick(rows), chance.pick(rows)] as [[string, string], [string, string]]
      const wanted = Math.sign(Number(one[1]) - Number(other[1]))
      expect(Math.sign(compare(one[0], other[0])), `${one[0]} and ${other[0]} in ${zone}`).toBe(wanted)
    }
  }
})

test('what the text does not tell for certain has no order', () => {
  for (const type of [701, 17, 1082, 1184])
    expect(compareValuesAs(type, { bytewise: true, exact: false })).toBeNull()
  expect(compareValuesAs(25, { bytewise: false, exact: true })).toBeNull()
  // jsonb, bpchar, interval
  for (const type of [3802, 1042, 1186]) expect(compareValuesAs(type, ROW_TEXT)).toBeNull()
})
