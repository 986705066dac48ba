import type { ListedOrder } from '@pgherd/core/sql'
import type { CatalogueReads } from './catalogue-reads.js'
import { type Answered, joinAnswers } from './replies.js'
import { notSupported } from './report-of.js'
import { isDescription, readColumns, readValues, type WireColumn } from './wire-rows.js'

/** Types by number: of objects' numbers, and those that sort as bytes and as numbers do. */
const OIDS: ReadonlySet<number> = new Set([26, 2205])
const BYTES: ReadonlySet<number> = new Set([18, 19, 25])
const NUMBERS: ReadonlySet<number> = new Set([20, 21, 23, 26])
const FIRST_OID = 16384

/**
 * What the home group and a shard say of their catalogues as one answer, in the order that was asked for. What both say
 * alike, such as PostgreSQL's own objects, is said once. Throws where objects of one and the other have the same number,
 * by which who asks would ask on.
 */
export function joinCatalogues(
  home: Answered,
  shard: Answered,
  order: readonly ListedOrder[],
  reads: CatalogueReads,
): Buffer {
  const said = new Set(home.rows.map((row) => row.toString('latin1')))
  const others = shard.rows.filter((row) => !said.has(row.toString('latin1')))
  const description = home.head.find(isDescription)
  const columns = description === undefined ? [] : readColumns(description)
  const alike = shard.rows.filter((row) => said.has(row.toString('latin1')))
  const common = oidsOf(alike, columns)
  const own = (rows: readonly Buffer[]): Set<string> =>
    new Set([...oidsOf(rows, columns)].filter((oid) => !common.has(oid)))
  if (!reads.note(own(home.rows), own(others)))
    throw notSupported(
      'Objects of the home group and of the shards have the same numbers here.',
      'Ask for one table by its name.',
    )
  const rows = merged(home.rows, others, comparing(order, columns))
  return joinAnswers([{ ...home, rows, tag: `SELECT ${rows.length}` }], null)
}

function oidsOf(rows: readonly Buffer[], columns: readonly WireColumn[]): Set<string> {
  const at = columns.flatMap(({ type }, place) => (OIDS.has(type) ? place : []))
  if (at.length === 0) return new Set()
  return new Set(
    rows.flatMap((row) => {
      const values = readValues(row)
      return at.map((place) => String(values[place] ?? '')).filter((oid) => Number(oid) >= FIRST_OID)
    }),
  )
}

type Compare = (one: Buffer, other: Buffer) => number

/** Of rows that are in that order. Those of the first come first where they are alike. */
function merged(one: readonly Buffer[], other: readonly Buffer[], compare: Compare): Buffer[] {
  const rows: Buffer[] = []
  let [at, next] = [0, 0]
  while (at < one.length || next < other.length) {
    const [left, right] = [one[at], other[next]]
    const isOne = right === undefined || (left !== undefined && compare(left, right) <= 0)
    rows.push((isOne ? left : right) as Buffer)
    if (isOne) at++
    else next++
  }
  return rows
}

/** Catalogues are sorted by names, which are compared as bytes, and by numbers. */
function comparing(order: readonly ListedOrder[], columns: readonly WireColumn[]): Compare {
  const keys = order.map((key) => ({ ...key, type: columns[key.column]?.type ?? 0 }))
  return (one, other) => {
    const [left, right] = [readValues(one), readValues(other)]
    for (const { column: at, type, descending, nullsFirst } of keys) {
      const [a, b] = [left[at] ?? null, right[at] ?? null]
      if (a === null && b === null) continue
      if (a === null || b === null) return (a === null) === nullsFirst ? -1 : 1
      const way = compareValues(a, b, type)
      if (way !== 0) return descending ? -way : way
    }
    return 0
  }
}

function compareValues(a: Buffer, b: Buffer, type: number): number {
  if (BYTES.has(type)) return Buffer.compare(a, b)
  return NUMBERS.has(type) ? Number(a) - Number(b) : 0
}
