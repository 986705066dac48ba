import type { Seat } from '../session/seat.js'
import { sqlError } from './report-of.js'
import { askUnit } from './seat-requests.js'
import type { SessionParts } from './session-parts.js'
import type { Unit } from './units.js'

/** Runs a unit on each group by itself, in no transaction; what failed where is told when all have answered. */
export async function runApart(
  { database, host, seats }: SessionParts,
  unit: Unit,
  groups: readonly string[],
  used: Set<Seat>,
): Promise<Buffer> {
  const asked: Seat[] = []
  for (const group of groups) {
    const seat = seats.in(group)
    used.add(seat)
    if (seat.own === null) await host.take(seat)
    asked.push(seat)
  }
  const answers = await Promise.allSettled(asked.map((seat) => askUnit(seat, unit)))
  for (const seat of asked)
    if (seat.own !== null && !seat.traces.keeps) {
      seat.ended()
      seat.release()
    }
  await database.schemaChanged()
  const refused = answers.flatMap((answer, at) =>
    answer.status === 'rejected' ? [{ group: groups[at], error: answer.reason as Error }] : [],
  )
  const [first] = refused
  if (first === undefined) return (answers[0] as PromiseFulfilledResult<Buffer>).value
  const where = `${refused.map(({ group }) => group).join(', ')} of ${groups.join(', ')}`
  const { code = 'XX000' } = first.error as { code?: string }
  throw sqlError(code, `${first.error.message} (${where}; the others have it done)`)
}
