import {
  checkMovable,
  deleteMoved,
  insertMoved,
  type MovedRow,
  type MoveRoute,
  readMoved,
  refuseMove,
  type StatementRecord,
  updateText,
} from '@pgherd/client/internal'
import { readArrayText } from '@pgherd/core/routing'
import { makeQuery } from '../protocol/client-messages.js'
import { NO_DATA } from '../protocol/server-messages.js'
import type { Seat } from '../session/seat.js'
import { type Answered, joinAnswers, readAnswer } from './replies.js'
import { sqlError } from './report-of.js'
import { answeredOrThrow, askWith, noteRun } from './seat-requests.js'
import { encodePart } from './unit-messages.js'
import type { Unit } from './units.js'
import { cutLastValue, isDescription, readTexts, widthOf, withoutLastColumn } from './wire-rows.js'
import { textValue } from './wire-values.js'

/**
 * Runs an UPDATE that sets the shard key of rows: in one transaction they are changed where they are, and those that
 * belong elsewhere then are moved there. All are changed before the first one is moved: none is met twice. Resolves with
 * the answer, but for what was prepared and is closed.
 */
export async function moveRows(
  unit: Unit,
  { text }: StatementRecord,
  route: MoveRoute,
  join: (group: string) => Promise<Seat>,
): Promise<Buffer> {
  const updating = updateText(route, text)
  const answers: Answered[] = []
  const leaving: (readonly [seat: Seat, rows: readonly MovedRow[]])[] = []
  for (const group of route.groups) {
    const seat = await join(group)
    await checkThere(route, seat)
    noteRun(seat, text)
    const reply = await seat.exchange(encodePart(unit, updating, unit.values, 1), null)
    const answer = readAnswer(answeredOrThrow(reply, seat), unit.simple === null)
    leaving.push([seat, readMovedRows(route, group, answer)])
    answers.push(withoutMoved(answer, unit))
  }
  for (const [seat, rows] of leaving) if (rows.length > 0) await takeAway(route, seat, rows)
  const moved = leaving.flatMap(([, rows]) => rows)
  for (const owner of new Set(moved.map((row) => row.owner)))
    for (const insert of insertMoved(
      route,
      moved.filter((row) => row.owner === owner),
    ))
      await change(await join(owner), insert.text, insert.values as (string | null)[])
  return joinAnswers(answers, null)
}

async function checkThere(route: MoveRoute, seat: Seat): Promise<void> {
  const { rows } = readAnswer(
    answeredOrThrow(await seat.exchange([makeQuery(checkMovable(route))], null), seat),
  )
  const [why = 'there is no such table', columns = null] = rows[0] === undefined ? [] : readTexts(rows[0])
  refuseMove(route, why, (readArrayText(columns ?? '{}') ?? []) as string[])
}

function readMovedRows(route: MoveRoute, group: string, { rows }: Answered): MovedRow[] {
  return rows
    .map((row) => readMoved(route, String(cutLastValue(row).last)))
    .filter(({ owner }) => owner !== group)
}

/** The answer to the UPDATE as the client has said it. */
function withoutMoved({ head, rows, tag, tail }: Answered, { simple }: Unit): Answered {
  return {
    head: head.flatMap((message) => {
      if (!isDescription(message)) return message
      if (widthOf(message) > 1) return withoutLastColumn(message)
      return simple === null ? NO_DATA : []
    }),
    rows: rows.flatMap((row) => (widthOf(row) > 1 ? cutLastValue(row).rest : [])),
    tag,
    tail,
  }
}

async function takeAway(route: MoveRoute, seat: Seat, rows: readonly MovedRow[]): Promise<void> {
  const { text } = deleteMoved(route, rows)
  const ctids = rows.map(({ ctid }) => `"${ctid}"`)
  const { tag } = await change(seat, text, [`{${ctids.join(',')}}`])
  if (tag !== `DELETE ${rows.length}`)
    throw sqlError('XX000', `${rows.length} rows were to leave ${seat.place.group}: ${tag}`)
}

function change(seat: Seat, text: string, values: readonly (string | null)[]): Promise<Answered> {
  noteRun(seat, text)
  return askWith(seat, text, values.map(textValue))
}
