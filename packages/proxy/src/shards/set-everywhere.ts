import { type StatementRecord, type Step, settingStep } from '@pgherd/client/internal'
import type pg from 'pg'
import { commandComplete } from '../protocol/server-messages.js'
import type { Seat } from '../session/seat.js'
import { notSupported, sqlError } from './report-of.js'
import { askUnit } from './seat-requests.js'
import type { SessionParts } from './session-parts.js'
import { answerTo, textOfValue } from './unit-messages.js'
import type { Unit } from './units.js'

const CHANGES_MEANING =
  /client_encoding|standard_conforming_strings|^\s*set\s+(?:session\s+|local\s+)?names\b/i
const AS_IT_IS =
  /^\s*set\s+(?:session\s+|local\s+)?(?:(?:client_encoding\s*(?:=|\s+to\s)|names\s)\s*'?(?:utf-?8|unicode)'?|standard_conforming_strings\s*(?:=|\s+to\s)\s*'?(?:on|true|1)'?)[\s;]*$/i

/** Changes a setting on every group, also on those that are not part of the transaction yet. */
export async function setEverywhere(
  { host, seats, transaction }: SessionParts,
  unit: Unit,
  record: StatementRecord,
  used: Set<Seat>,
): Promise<Buffer> {
  const config: pg.QueryConfig = { text: record.text }
  if (unit.values.length > 0) config.values = unit.values.map(textOfValue)
  if (transaction.isOpen && /^discard all$/i.test(record.shape))
    throw sqlError('25001', 'DISCARD ALL cannot run inside a transaction block')
  if (CHANGES_MEANING.test([record.text, ...(config.values ?? [])].join(' '))) {
    // As it is already, or nobody could say what its texts mean.
    if (AS_IT_IS.test(record.text)) return answerTo(unit, commandComplete('SET'))
    throw notSupported('A client of a sharded database speaks UTF8, with standard_conforming_strings on.')
  }
  const step = settingStep(record, config) as Step
  const isTried = transaction.joined.size > 0 || !transaction.isOpen || record.facts.kind === 'read'
  if (!isTried) {
    await transaction.set(step, null)
    return answerTo(unit, commandComplete(record.facts.command))
  }
  // What is set for a session is tried at once, on one group at least.
  const [joined] = transaction.joined
  const seat = joined ?? seats.home
  used.add(seat)
  if (transaction.isOpen || seat.own === null) await transaction.join(seat)
  if (seat.own === null) await host.take(seat)
  if (seat.own !== null) seat.own.traced = seat.own.tainted = seat.own.staleStatements = true
  const bytes = await askUnit(seat, unit)
  await transaction.set(step, seat)
  if (!transaction.isOpen) {
    if (transaction.isPinned) transaction.notePinned(seat)
    seat.traces.keeps = transaction.isPinned
    seat.ended()
    if (!transaction.isPinned) for (const each of seats.all) each.release()
  }
  return bytes
}
