import { HerdError } from '@pgherd/core'
import type pg from 'pg'
import { sqlStateOf } from './dispatcher.js'
import type { OwnedClient } from './owned-client.js'

export interface TransactionOptions {
  isolation?: 'read committed' | 'repeatable read' | 'serializable'
  /** May run on a standby, under the consistency of the pool. */
  readOnly?: boolean
  deferrable?: boolean
  /** Runs `fn` again after a serialization failure, a deadlock or a failover that certainly undid it. */
  retry?: boolean
  signal?: AbortSignal
}

/** What `transaction` hands to its function: one client inside a transaction. */
export type Transaction = pg.ClientBase

const SERIALIZATION_FAILURE = '40001'
const DEADLOCK = '40P01'
/** The node is no primary any more: it certainly wrote nothing. */
const READ_ONLY = '25006'

/** One text, so that it is one round trip. `synchronousCommit` ends with the transaction. */
export function beginText(
  { isolation, readOnly, deferrable }: TransactionOptions,
  synchronousCommit: string | null,
): string {
  const begin = [
    'BEGIN',
    isolation === undefined ? '' : `ISOLATION LEVEL ${isolation.toUpperCase()}`,
    readOnly === true ? 'READ ONLY' : '',
    deferrable === true ? 'DEFERRABLE' : '',
  ]
    .filter((part) => part !== '')
    .join(' ')
  return synchronousCommit === null ? begin : `${begin}; SET LOCAL synchronous_commit TO ${synchronousCommit}`
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

/**
 * Runs `fn` between `begin` and COMMIT on `client`.
 *
 * Throws TransactionFailure; inside it OUTCOME_UNKNOWN when the connection ended while COMMIT was under way.
 */
export async function runTransaction<T>(
  client: OwnedClient,
  fn: (transaction: Transaction) => Promise<T>,
  begin: string,
): Promise<T> {
  let lost: Error | null = null
  const onError = (error: Error): void => {
    lost ??= error
  }
  client.once('error', onError)
  let result: T
  try {
    await client.query(begin)
    result = await fn(client)
  } catch (error) {
    client.removeListener('error', onError)
    // Without COMMIT nothing of it stays; a connection that is gone has rolled it back.
    if (lost === null) await client.query('ROLLBACK').catch(() => {})
    throw new TransactionFailure(error as Error, lost !== null || mayTryAgain(error as Error))
  }
  try {
    const { command } = await client.query('COMMIT')
    // A transaction in which a statement failed ends in ROLLBACK, whatever was asked for.
    if (command === 'ROLLBACK') {
      throw new HerdError(
        'TRANSACTION_ABORTED',
        'A statement of the transaction had failed, so it was rolled back.',
        {
          hint: 'Let the error of the failed statement leave the function, or use a savepoint around it.',
        },
      )
    }
    return result
  } catch (error) {
    throw commitFailure(error as Error)
  } finally {
    client.removeListener('error', onError)
  }
}

function commitFailure(error: Error): TransactionFailure {
  const severity = (error as { severity?: string }).severity
  // Deferred constraints and serialization are checked at COMMIT: such an error has undone everything.
  if (error instanceof HerdError || severity === 'ERROR')
    return new TransactionFailure(error, mayTryAgain(error))
  const unknown = new HerdError(
    'OUTCOME_UNKNOWN',
    `The connection ended while COMMIT was under way (${error.message}); the transaction may or may not have taken effect.`,
    { hint: 'Look whether it did before you run it again.', cause: error },
  )
  return new TransactionFailure(unknown, false)
}

function mayTryAgain(error: Error): boolean {
  const state = sqlStateOf(error)
  if (state === SERIALIZATION_FAILURE || state === DEADLOCK || state === READ_ONLY) return true
  return state !== null && (error as { severity?: string }).severity !== 'ERROR'
}
