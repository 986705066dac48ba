import type pg from 'pg'
import type { Answer } from '../statement.js'
import type { StatementRecord } from '../statement-book.js'
import { allOf, inOrder, joined, sayWhere, sqlError } from './herd-answers.js'
import type { ClientQuery, SpreadRoute } from './herd-route.js'
import { type HerdSource, type HerdTransaction, LEAVES_NOTHING } from './herd-transaction.js'
import { insertSelected } from './insert-selected.js'
import {
  checkMovable,
  deleteMoved,
  insertMoved,
  type MovedRow,
  type MoveRoute,
  refuseMove,
  takeMoved,
  updateText,
} from './move-rows.js'

/** Runs what goes to several groups, in the transaction that is open. */
export async function runSpread(
  transaction: HerdTransaction,
  source: HerdSource,
  route: SpreadRoute,
  record: StatementRecord,
  query: ClientQuery,
): Promise<Answer> {
  if (route.kind === 'move') return moveRows(transaction, source, route, record, query)
  if (route.kind === 'select insert') return insertSelected(transaction, source, route, record, query)
  if (route.kind === 'each') {
    const answers: pg.QueryResult[] = []
    // One after the other, in one order everywhere: so two of them do not wait for each other.
    for (const group of route.groups)
      answers.push(
        (await transaction.run(group, query.config, true).catch(sayWhere(group))) as pg.QueryResult,
      )
    await transaction.noteSchema(record)
    return route.whole ? (answers[0] as pg.QueryResult) : joined(answers)
  }
  const running = route.parts.map(({ group, text, values }) => {
    const nature = source.natureIn(group, record)
    return transaction.run(group, { ...query.config, text, values, name: undefined, nature }, true, true)
  })
  // What still runs would go on after the transaction has ended.
  return inOrder(allOf(await Promise.allSettled(running)) as pg.QueryResult[], route.parts)
}

/** All rows are changed where they are before the first one is moved: none is met twice. */
async function moveRows(
  transaction: HerdTransaction,
  source: HerdSource,
  route: MoveRoute,
  record: StatementRecord,
  query: ClientQuery,
): Promise<Answer> {
  const text = updateText(route, query.text)
  const answers: pg.QueryResult[] = []
  const leaving: (readonly [group: string, rows: readonly MovedRow[]])[] = []
  for (const group of route.groups) {
    const check = { text: checkMovable(route), nature: LEAVES_NOTHING }
    const checked = (await transaction.run(group, check, false).catch(sayWhere(group))) as pg.QueryResult[]
    const { why, columns } = checked.at(-1)?.rows[0] ?? { why: 'there is no such table', columns: [] }
    refuseMove(route, why, columns)
    const nature = source.natureIn(group, record)
    const config = { ...query.config, text, name: undefined, nature }
    const answer = (await transaction.run(group, config, true).catch(sayWhere(group))) as pg.QueryResult
    leaving.push([group, takeMoved(route, group, answer)])
    answers.push(answer)
  }
  for (const [group, rows] of leaving) {
    if (rows.length === 0) continue
    const { rowCount } = (await transaction.run(group, deleteMoved(route, rows), true)) as pg.QueryResult
    if (rowCount !== rows.length)
      throw sqlError('XX000', `${rows.length} rows were to leave ${group}, and ${rowCount} did`)
  }
  const moved = leaving.flatMap(([, rows]) => rows)
  for (const owner of new Set(moved.map((row) => row.owner))) {
    const rows = moved.filter((row) => row.owner === owner)
    for (const insert of insertMoved(route, rows))
      await transaction.run(owner, insert, true).catch(sayWhere(owner))
  }
  return joined(answers)
}
