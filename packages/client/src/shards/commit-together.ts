import { randomUUID } from 'node:crypto'
import { HerdError } from '@pgherd/core'
import type pg from 'pg'
import { isHarmless, sqlStateOf } from '../server-error.js'

/** Runs a text as `pg.Client` does: with the same results, and the same errors. */
export interface PartClient {
  query(text: string): Promise<unknown>
  /** What it committed or prepared last has not waited for a standby. */
  readonly unreplicated: boolean
}

/** A connection of one group, inside a transaction that is part of a larger one. */
export interface Participant {
  readonly group: string
  readonly client: PartClient
  /** It has taken another role, which is not the one that could end what it has prepared. */
  readonly inRole: boolean
}

/** Ends what was prepared, over another connection when the one that prepared it is gone. */
export type EndPrepared = (group: string, statement: string) => Promise<void>

/** How the name of a prepared transaction of ours begins; then the group that decides, and the decision's id. */
export const PREPARED_PREFIX = 'pgherd'
/** There is nothing prepared under that name. */
const UNDEFINED_OBJECT = '42704'
const UNIQUE_VIOLATION = '23505'

/**
 * Commits the transactions of several groups, all or none: two-phase commit in which the last participant
 * decides by committing (Gray, Notes on Data Base Operating Systems, 1978; "last agent" in Gray and Reuter,
 * Transaction Processing, 1993). All but the first are prepared; the first writes the decision into
 * `pgherd.decision` in its own transaction, and by its commit it is durable; then the others follow. Who
 * finds a prepared transaction whose decision is not there writes that it is to be undone, under the same
 * primary key: one of the two is first, and that one holds.
 *
 * Throws what a participant throws when nothing of it took effect, and OUTCOME_UNKNOWN. Nothing that comes
 * after the decision makes it fail: who heard of a failure would do it again.
 */
export async function commitTogether(
  [decider, ...others]: readonly [Participant, ...Participant[]],
  endPrepared: EndPrepared,
): Promise<void> {
  const id = randomUUID()
  const name = `'${PREPARED_PREFIX}:${decider.group}:${id}'`
  const prepared = await Promise.allSettled(others.map((each) => prepare(each, name)))
  const refused = prepared.find((each) => each.status === 'rejected')
  if (refused !== undefined) {
    await undo(decider, others, name, endPrepared)
    throw undone(refused.reason as Error)
  }
  let decided: pg.QueryResult | undefined
  try {
    // One text, so that it is one round trip: after an error in the first the second is not run.
    const decide = `insert into pgherd.decision (id, committed) values ('${id}', true); commit`
    const answers = (await decider.client.query(decide)) as pg.QueryResult[]
    decided = answers.at(-1)
  } catch (error) {
    if (!isHarmless(error as Error)) throw unknown(error as Error)
    await undo(decider, others, name, endPrepared)
    throw isDecidedOtherwise(error as Error) ? undone(new Error('it was given up meanwhile')) : error
  }
  if (decided?.command !== 'COMMIT') {
    await undo(decider, others, name, endPrepared)
    throw undone(new Error(`${decider.group} had undone its part`))
  }
  // What cannot be ended now the supervisor ends, as it was decided.
  await Promise.allSettled(others.map((each) => end(each, `COMMIT PREPARED ${name}`, endPrepared)))
}

/** To a transaction that has failed, or is none, PREPARE is ROLLBACK, and no error. */
async function prepare({ group, client, inRole }: Participant, name: string): Promise<void> {
  // Constraints that were put off are checked in the role that they would be checked in at COMMIT.
  if (inRole) await client.query('set constraints all immediate; set local role none')
  const { command } = (await client.query(`PREPARE TRANSACTION ${name}`)) as pg.QueryResult
  if (command !== 'PREPARE') throw new Error(`${group} had undone its part`)
  if (client.unreplicated) throw new Error(`${group} did not wait until a standby had its part`)
}

/** Somebody who found a part prepared for long has written that nothing will come of it. */
function isDecidedOtherwise(error: Error): boolean {
  const { schema, table } = error as { schema?: string; table?: string }
  return sqlStateOf(error) === UNIQUE_VIOLATION && schema === 'pgherd' && table === 'decision'
}

/** Who prepared it ends it, unless its connection is gone. */
async function end(
  { group, client }: Participant,
  statement: string,
  endPrepared: EndPrepared,
): Promise<void> {
  try {
    await client.query(statement)
  } catch (error) {
    if (sqlStateOf(error as Error) !== UNDEFINED_OBJECT) await endPrepared(group, statement)
  }
}

/** Best effort: what stays prepared without a decision is undone by the supervisor. */
async function undo(
  decider: Participant,
  others: readonly Participant[],
  name: string,
  endPrepared: EndPrepared,
): Promise<void> {
  await Promise.allSettled([
    decider.client.query('ROLLBACK'),
    ...others.map((each) => end(each, `ROLLBACK PREPARED ${name}`, endPrepared)),
  ])
}

/** A connection that is gone has not decided: nothing of it takes effect. */
function undone(error: Error): Error {
  if (isHarmless(error)) return error
  return new HerdError(
    'TRANSACTION_LOST',
    `The transaction was lost before it was decided (${error.message}), so nothing of it takes effect.`,
    { hint: 'Run it again, or let that be done by { retry: true }.', cause: error },
  )
}

function unknown(cause: Error): HerdError {
  return new HerdError(
    'OUTCOME_UNKNOWN',
    `The connection ended while a transaction over several shards was being decided (${cause.message}); all of it took effect or nothing.`,
    { hint: 'Look whether it did before you run it again.', cause },
  )
}
