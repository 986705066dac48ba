import { isHarmless } from '@pgherd/client/internal'
import { LoginRefused } from '../server/server-connection.js'
import { sqlError } from './report-of.js'

/** What a group says to whom is under another epoch of the shard map, or took it for another group. */
const OTHER_EPOCH = 'PH001'

export function isOtherEpoch(error: Error): boolean {
  if (error instanceof LoginRefused) return error.sqlState === OTHER_EPOCH
  return isHarmless(error) && (error as { code?: string }).code === OTHER_EPOCH
}

/** Said of a transaction that had begun under the map before. */
export function mapChanged(): Error {
  return sqlError('40001', 'could not go on with the transaction: the shard map has changed')
}

/** Before something is tried for the so manieth time. */
export function pauseMs(tries: number): number {
  return Math.min(250, 5 * 2 ** tries)
}
