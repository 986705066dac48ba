import type pg from 'pg'
import type { OwnedClient } from '../owned-client.js'
import type { Answer } from '../statement.js'
import type { StatementRecord } from '../statement-book.js'
import { AS_TEXT, allOf, inOrder, joined } from './herd-answers.js'
import type { ClientQuery } from './herd-route.js'
import type { HerdSource, HerdTransaction } from './herd-transaction.js'
import {
  CURSOR,
  castsOf,
  FETCHED_ROWS,
  insertsOf,
  partRows,
  type SelectInsertRoute,
  TYPE_NAMES,
  valuesOf,
} from './select-insert-route.js'

type InsertPart = (
  group: string,
  part: { readonly text: string; readonly values: readonly unknown[] },
) => Promise<pg.QueryResult>

/** Reads by a cursor, so that no more is here at a time than is inserted next. */
export async function insertSelected(
  transaction: HerdTransaction,
  source: HerdSource,
  route: SelectInsertRoute,
  record: StatementRecord,
  query: ClientQuery,
): Promise<Answer> {
  const { reads } = route
  const insertInto: InsertPart = async (group, part) => {
    const nature = source.natureIn(group, record)
    const config = { ...query.config, ...part, name: undefined, nature }
    return (await transaction.run(group, config, true, true)) as pg.QueryResult
  }
  if (reads !== null) return pour(await transaction.patientClientOf(reads), route, query, insertInto)
  return transaction.askFederation(async (client) => {
    if (client.getTransactionStatus() === 'I') await client.query('begin read only')
    return pour(client, route, query, insertInto)
  })
}

/** Inserts what `client` reads. */
async function pour(
  client: OwnedClient & pg.PoolClient,
  route: SelectInsertRoute,
  { values = [] }: ClientQuery,
  insertPart: InsertPart,
): Promise<pg.QueryResult> {
  const { statement, owners } = route
  const { text, parameters } = statement.query
  const given = parameters.map((number) => values[number - 1])
  await client.query({ text: `declare ${CURSOR} no scroll cursor for ${text}`, values: given })
  const answers: pg.QueryResult[] = []
  const insertInto = (group: string, rows: (string | null)[][]): Promise<pg.QueryResult> => {
    const part = statement.insert(rows.length, named, types)
    return insertPart(group, { text: part.text, values: valuesOf(part.parameters, rows, values) })
  }
  let named: readonly string[] | null = null
  let types: (string | null)[] = []
  for (let isFirst = true, isLast = false; !isLast; isFirst = false) {
    const fetching = client.query({ text: `fetch ${FETCHED_ROWS} from ${CURSOR}`, ...AS_TEXT })
    const fetched = (await fetching) as pg.QueryResult
    const rows = fetched.rows as unknown as (string | null)[][]
    isLast = rows.length < FETCHED_ROWS
    if (isFirst) {
      const oids = fetched.fields.map(({ dataTypeID }) => dataTypeID)
      owners.check(oids, statement.untyped)
      const { rows: names } = await client.query<[string]>({
        text: TYPE_NAMES,
        values: [oids],
        rowMode: 'array',
      })
      types = castsOf(
        statement,
        oids,
        names.map(([name]) => name),
      )
      named = route.columns?.slice(0, types.length) ?? null
      if (rows.length === 0) answers.push(await insertInto(route.any, []))
    }
    for (const some of insertsOf(route, rows, types.length, isLast)) {
      const parts = partRows(some, owners)
      const inserted = allOf(
        await Promise.allSettled(
          parts.map(({ group, rows: own }) =>
            insertInto(
              group,
              own.map((at) => some[at] as (string | null)[]),
            ),
          ),
        ),
      )
      answers.push(route.copies ? (inserted[0] as pg.QueryResult) : inOrder(inserted, parts))
    }
  }
  await client.query(`close ${CURSOR}`)
  return joined(answers)
}
