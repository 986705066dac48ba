/** What is known of the text in which a server says values. */
export interface RowText {
  /** Text sorts by its bytes in UTF-8: the database's collation is "C" or the like. */
  readonly bytewise: boolean
  /** Floats are said with all their digits, dates as ISO 8601 has them, bytes in hex. */
  readonly exact: boolean
}

/** Below 0: the first is before the other in PostgreSQL's order. */
type Compare = (one: string, other: string) => number

/**
 * PostgreSQL's order of values of a type, of the text in which the server says them; null where that does not tell
 * it for certain.
 */
export function compareValuesAs(typeId: number, { bytewise, exact }: RowText): Compare | null {
  const plain = PLAIN.get(typeId)
  if (plain !== undefined) return plain
  if (exact && EXACT.has(typeId)) return EXACT.get(typeId) as Compare
  return bytewise && TEXTS.has(typeId) ? compareBytewise : null
}

const compareNumbers: Compare = (one, other) => Number(one) - Number(other)

const PLAIN: ReadonlyMap<number, Compare> = new Map<number, Compare>([
  // bool: f, t
  [16, compareUnits],
  [20, compareBigints],
  [21, compareNumbers],
  [23, compareNumbers],
  // oid
  [26, compareNumbers],
  [1700, compareNumerics],
  // uuid
  [2950, compareUnits],
])

const EXACT: ReadonlyMap<number, Compare> = new Map<number, Compare>([
  // bytea
  [17, compareUnits],
  [700, compareFloats],
  [701, compareFloats],
  // date, time, timestamp, timestamptz
  [1082, compareTimes],
  [1083, compareUnits],
  [1114, compareTimes],
  [1184, compareTimes],
])

/** text, varchar */
const TEXTS: ReadonlySet<number> = new Set([25, 1043])

function compareUnits(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

/** By code points, as UTF-8 sorts by its bytes: surrogates are above all else of a UTF-16 unit. */
function compareBytewise(one: string, other: string): number {
  const length = Math.min(one.length, other.length)
  for (let at = 0; at < length; at++) {
    const a = one.charCodeAt(at)
    const b = other.charCodeAt(at)
    if (a === b) continue
    const isPair = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff
    if (isPair(a) === isPair(b)) return a - b
    return isPair(a) ? 1 : -1
  }
  return one.length - other.length
}

/** Numbers of so many characters are exact in JavaScript. */
const EXACT_DIGITS = 15

function compareBigints(one: string, other: string): number {
  if (one.length <= EXACT_DIGITS && other.length <= EXACT_DIGITS) return Number(one) - Number(other)
  const [a, b] = [BigInt(one), BigInt(other)]
  return a < b ? -1 : a > b ? 1 : 0
}

/** NaN is above all, and equal to itself. */
function compareFloats(one: string, other: string): number {
  const [a, b] = [Number(one), Number(other)]
  if (a === b) return 0
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
  return a < b ? -1 : 1
}

/** Decimal digits of any number, without an exponent; NaN is above infinity. */
function compareNumerics(one: string, other: string): number {
  if (one === other) return 0
  const [a, b] = [readNumeric(one), readNumeric(other)]
  if (a.rank !== b.rank) return a.rank - b.rank
  if (a.rank !== RANK_POSITIVE && a.rank !== RANK_NEGATIVE) return 0
  const order =
    a.whole.length - b.whole.length || compareUnits(a.whole, b.whole) || compareUnits(a.fraction, b.fraction)
  return a.rank === RANK_NEGATIVE ? -order : order
}

const RANK_NEGATIVE = -1
const RANK_POSITIVE = 1
/** Of what is no number of digits, below and above those that are. */
const RANKS: Readonly<Record<string, number>> = { '-Infinity': -2, Infinity: 2, NaN: 3 }

interface Numeric {
  readonly rank: number
  /** Digits without zeros that say nothing. */
  readonly whole: string
  readonly fraction: string
}

function readNumeric(text: string): Numeric {
  const rank = RANKS[text]
  if (rank !== undefined) return { rank, whole: '', fraction: '' }
  const negative = text.startsWith('-')
  const dot = text.indexOf('.')
  const end = dot < 0 ? text.length : dot
  const whole = text.slice(negative ? 1 : 0, end).replace(/^0+/, '')
  const fraction = text.slice(end + 1).replace(/0+$/, '')
  if (whole === '' && fraction === '') return { rank: 0, whole, fraction }
  return { rank: negative ? RANK_NEGATIVE : RANK_POSITIVE, whole, fraction }
}

/** `2026-11-21 10:00:00.5`, of a year of four digits, in one time zone or none, sorts as text does. */
const USUAL = /^\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d+)?)?([+-]\d\d(?::\d\d)*)?$/

function compareTimes(one: string, other: string): number {
  if (one === other) return 0
  const [a, b] = [USUAL.exec(one), USUAL.exec(other)]
  if (a !== null && b !== null && a[1] === b[1]) {
    const zone = a[1]?.length ?? 0
    return compareUnits(one.slice(0, one.length - zone), other.slice(0, other.length - zone))
  }
  const [first, second] = [readTime(one), readTime(other)]
  return first.seconds === second.seconds
    ? compareUnits(first.fraction, second.fraction)
    : first.seconds < second.seconds
      ? -1
      : 1
}

const TIME =
  /^(\d+)-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d+))?)?(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?( BC)?$/

interface Moment {
  readonly seconds: number
  readonly fraction: string
}

function readTime(text: string): Moment {
  if (text === 'infinity') return { seconds: Number.POSITIVE_INFINITY, fraction: '' }
  if (text === '-infinity') return { seconds: Number.NEGATIVE_INFINITY, fraction: '' }
  const found = TIME.exec(text)
  if (found === null) throw new Error(`a time in an unknown form: ${text}`)
  const [, year, month, day, hours, minutes, seconds, fraction = '', sign, ...zone] = found
  const bc = zone.pop() !== undefined
  const [zoneHours = 0, zoneMinutes = 0, zoneSeconds = 0] = zone.map((part) => Number(part ?? 0))
  const offset = (zoneHours * 3600 + zoneMinutes * 60 + zoneSeconds) * (sign === '-' ? -1 : 1)
  const days = daysOf(bc ? 1 - Number(year) : Number(year), Number(month), Number(day))
  const ofDay = Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0)
  return { seconds: days * 86_400 + ofDay - offset, fraction }
}

/** Days since a day long ago: each year has more than 365 of them, each month no more than 31. */
function daysOf(year: number, month: number, day: number): number {
  const before = month > 2 ? year : year - 1
  const leaps = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400)
  return 365 * year + leaps + Math.floor((367 * month - 362) / 12) + (month > 2 ? -2 : 0) + day
}
