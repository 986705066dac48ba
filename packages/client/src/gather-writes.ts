import type { PgConnection } from './pg-internals.js'

const FLUSH = Buffer.from([0x48, 0, 0, 0, 4])

/**
 * Lets what is sent until `later` runs go out as one buffer: a prepared statement is five messages, and writing each
 * costs more than making it. `process.nextTick` is as soon as this piece of work is done; `setImmediate` when all
 * answers that have arrived, from whichever server, have been dealt with.
 */
export function gatherWrites(
  connection: PgConnection,
  later: (flush: () => void) => unknown = process.nextTick,
): void {
  let gathered: Uint8Array[] = []
  const flush = (): void => {
    const [first] = gathered
    if (first !== undefined && connection.stream.writable)
      connection.stream.write(gathered.length === 1 ? first : Buffer.concat(gathered))
    gathered = []
  }
  connection._send = (bytes) => {
    if (gathered.push(bytes) === 1) later(flush)
    return !connection.stream.writableNeedDrain
  }
  // Its own would overtake what is gathered: a cursor waits for the answer to what comes before it.
  connection.flush = () => {
    connection._send(FLUSH)
  }
}
