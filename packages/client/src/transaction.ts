import { HerdError } from '@pgherd/core'
import type { Consistency } from '@pgherd/core/routing'
import type pg from 'pg'
import { orAborted } from './abort.js'
import { cancelStatement } from './cancel-statement.js'
import type { OwnedClient } from './owned-client.js'
import type { SynchronousCommit } from './pool-options.js'
import { isConnectionLoss, isHarmless, sqlStateOf } from './server-error.js'

export interface TransactionOptions {
  isolation?: 'read committed' | 'repeatable read' | 'serializable'
  /** May run on a standby. */
  readOnly?: boolean
  deferrable?: boolean
  /** What a read-only transaction may see, unless as the pool says. */
  consistency?: Consistency
  /** Runs `fn` again after a serialization failure, a deadlock or a failover that certainly undid it. */
  retry?: boolean
  /** Ends it: its statement is cancelled and nothing of it stays, unless COMMIT is under way. */
  signal?: AbortSignal
}

/** What `transaction` hands to its function: one client inside a transaction. */
export type Transaction = pg.ClientBase

const SERIALIZATION_FAILURE = '40001'
const DEADLOCK = '40P01'
/** The node is no primary any more: it certainly wrote nothing. */
const READ_ONLY = '25006'

/** What goes ahead of the first statement. `synchronousCommit` ends with the transaction. */
export function openingOf(
  { isolation, readOnly, deferrable }: TransactionOptions,
  synchronousCommit: SynchronousCommit | null,
): string[] {
  const begin = [
    'BEGIN',
    isolation === undefined ? '' : `ISOLATION LEVEL ${isolation.toUpperCase()}`,
    readOnly === true ? 'READ ONLY' : '',
    deferrable === true ? 'DEFERRABLE' : '',
  ]
  const opening = [begin.filter((part) => part !== '').join(' ')]
  return synchronousCommit === null ? opening : [...opening, setCommit(synchronousCommit)]
}

/** Until the end of the transaction, a commit waits for as much as `synchronousCommit` says. */
export function setCommit(synchronousCommit: SynchronousCommit): string {
  return `select set_config('synchronous_commit', '${synchronousCommit}', true)`
}

/** How a try at a transaction failed. */
export class TransactionFailure extends Error {
  readonly error: Error
  /** Certainly nothing of it is left, and another try may succeed. */
  readonly again: boolean

  constructor(error: Error, again: boolean) {
    super(error.message, { cause: error })
    this.error = error
    this.again = again
  }
}

/** What a transaction runs on: one connection, or one in each of several groups. */
export interface TransactionClient
  extends Pick<OwnedClient, 'opening' | 'refusal' | 'dead' | 'answering' | 'unreplicated'> {
  /** Those that statements of it are under way on. */
  readonly clients: readonly OwnedClient[]
  query(text: string): unknown
  once(event: 'error', listener: () => void): unknown
  removeListener(event: 'error', listener: () => void): unknown
}

/**
 * Runs `fn` on `client` in a transaction, which begins with the first statement, and commits it. After a
 * failure the client is not to be used again if it is `dead` or has a `refusal`.
 *
 * Throws TransactionFailure; inside it OUTCOME_UNKNOWN when nobody has heard how COMMIT ended.
 */
export async function runTransaction<T>(
  client: TransactionClient,
  fn: (transaction: Transaction) => Promise<T>,
  opening: readonly string[],
  signal: AbortSignal | null,
): Promise<T> {
  let lost = false
  const onError = (): void => {
    lost = true
  }
  client.once('error', onError)
  client.opening = opening
  try {
    const result = await orAborted(fn(client as unknown as Transaction), signal)
    if (client.opening !== null) return result
    // COMMIT would not even be sent, so that nothing of it stays.
    if (client.dead) throw new Error('Connection terminated')
    await commit(client, signal)
    return result
  } catch (error) {
    if (error instanceof TransactionFailure) throw error
    if (signal?.aborted) {
      refuse(client, signal)
      throw new TransactionFailure(error as Error, false)
    }
    const gone = lost || client.dead
    // Without COMMIT nothing of it stays; a connection that is gone has rolled it back.
    if (!gone && client.opening === null) await (client.query('ROLLBACK') as Promise<unknown>).catch(() => {})
    if (gone && isConnectionLoss(error as Error))
      throw new TransactionFailure(rolledBack(error as Error), true)
    throw new TransactionFailure(error as Error, gone || mayTryAgain(error as Error))
  } finally {
    client.opening = null
    client.removeListener('error', onError)
  }
}

/** What `fn` still asks of the client is answered with the signal's reason; the connection is not for others. */
function refuse(client: TransactionClient, signal: AbortSignal): void {
  client.refusal = signal.reason as Error
  for (const each of client.clients) if (each.answering) void cancelStatement(each)
}

async function commit(client: TransactionClient, signal: AbortSignal | null): Promise<void> {
  let command: string
  try {
    command = (await orAborted(client.query('COMMIT') as Promise<pg.QueryResult>, signal)).command
  } catch (error) {
    // Deferred constraints and serialization are checked at COMMIT: such an error has undone everything.
    if (isHarmless(error as Error)) throw new TransactionFailure(error as Error, mayTryAgain(error as Error))
    // Of several groups it is known that none has committed.
    if (error instanceof HerdError && error.code === 'TRANSACTION_LOST')
      throw new TransactionFailure(error, true)
    if (client.unreplicated) throw unreplicated()
    if (signal?.aborted) refuse(client, signal)
    throw unknown(error as Error, signal?.aborted ? 'The call was aborted' : 'The connection ended')
  }
  if (client.unreplicated) throw unreplicated()
  // A transaction in which a statement failed ends in ROLLBACK, whatever was asked for.
  if (command === 'ROLLBACK')
    throw new TransactionFailure(
      new HerdError(
        'TRANSACTION_ABORTED',
        'A statement of the transaction had failed, so it was rolled back.',
        { hint: 'Let the error of the failed statement leave the function, or use a savepoint around it.' },
      ),
      false,
    )
}

function unreplicated(): TransactionFailure {
  const cause = new Error('it was committed on the primary and may not be on a standby')
  return unknown(cause, 'The wait for a standby was cancelled')
}

function rolledBack(cause: Error): HerdError {
  return new HerdError(
    'TRANSACTION_LOST',
    `The connection ended before COMMIT was sent (${cause.message}), so nothing of the transaction took effect.`,
    { hint: 'Run it again, or let that be done by { retry: true }.', cause },
  )
}

function unknown(cause: Error, what: string): TransactionFailure {
  // An AbortSignal's reason may be anything.
  const why = cause instanceof Error ? cause.message : String(cause)
  return new TransactionFailure(
    new HerdError(
      'OUTCOME_UNKNOWN',
      `${what} while COMMIT was under way (${why}); the transaction may or may not have taken effect.`,
      { hint: 'Look whether it did before you run it again.', cause },
    ),
    false,
  )
}

function mayTryAgain(error: Error): boolean {
  const state = sqlStateOf(error)
  if (state === SERIALIZATION_FAILURE || state === DEADLOCK || state === READ_ONLY) return true
  return isConnectionLoss(error)
}
