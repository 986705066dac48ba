import { HerdError } from '@pgherd/core'
import { encodeValue } from './pg-internals.js'

/** PostgreSQL counts parameters in 16 bits. */
const MOST_VALUES = 65_535

/**
 * Values as they are sent. Done before a connection has the statement: an exception half-way through
 * would leave a message in two pieces.
 *
 * Throws VALUES_INVALID.
 */
export function encodeValues(values: readonly unknown[]): (string | Buffer | null)[] {
  if (!Array.isArray(values)) throw new HerdError('VALUES_INVALID', 'The values of a query must be an array.')
  if (values.length > MOST_VALUES) {
    throw new HerdError(
      'VALUES_INVALID',
      `${values.length} values are more than the ${MOST_VALUES} that PostgreSQL takes in one statement.`,
      { hint: 'Pass an array as one value (= ANY($1), unnest($1)), or split the statement.' },
    )
  }
  return values.map((value, at) => {
    try {
      return encodeValue(value)
    } catch (cause) {
      // Of a circular structure V8 draws a picture in further lines.
      const [why] = (cause as Error).message.split('\n')
      throw new HerdError('VALUES_INVALID', `Value $${at + 1} cannot be sent: ${why}.`, { cause })
    }
  })
}
