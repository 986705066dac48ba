import { HerdError, type Pool } from '@pgherd/client'
import { Problem } from './problem.js'

const MOST_TRIES = 3

/** The event that a write leaves in the outbox, by which it can be found. */
export interface Mark {
  userId: string
  eventId: string
}

/**
 * Runs a write that leaves an event in the outbox, and sees to it that it takes effect once. When the answer
 * was cut off (OUTCOME_UNKNOWN), it looks whether the event is there, and tries again under the same id if it
 * is not; should the first try take effect after all, the second one fails on that id.
 *
 * Null: it was found, and what it answered is lost. Throws what the write throws; OUTCOME_UNKNOWN where it
 * could not look.
 */
export async function writeOnce<T>(pool: Pool, mark: Mark, write: () => Promise<T>): Promise<T | null> {
  let cutOff: unknown = null
  for (let tries = 1; ; tries++) {
    try {
      return await write()
    } catch (error) {
      const isUnknown = error instanceof HerdError && error.code === 'OUTCOME_UNKNOWN'
      if (isUnknown) cutOff = error
      if (cutOff === null) throw error
      const isThere = await isWritten(pool, mark).catch(() => {
        throw cutOff
      })
      if (isThere) return null
      // Whatever ended the second try, of the first nobody knows yet.
      if (!isUnknown || tries === MOST_TRIES) throw error instanceof Problem ? error : cutOff
    }
  }
}

async function isWritten(pool: Pool, { userId, eventId }: Mark): Promise<boolean> {
  const { rows } = await pool.query({
    text: 'select from outbox where user_id = $1 and id = $2',
    values: [userId, eventId],
    consistency: 'primary',
  })
  return rows.length > 0
}
