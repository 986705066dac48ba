import type { PgConnection } from './pg-internals.js'

const FLUSH = Buffer.from([0x48, 0, 0, 0, 4])

/**
 * Lets what is sent in one turn of the event loop go out as one buffer: a prepared statement is five
 * messages, and writing each costs more than making it.
 */
export function gatherWrites(connection: PgConnection): void {
  let gathered: Uint8Array[] = []
  const flush = (): void => {
    const [first] = gathered
    if (first !== undefined && connection.stream.writable)
      connection.stream.write(gathered.length === 1 ? first : Buffer.concat(gathered))
    gathered = []
  }
  connection._send = (bytes) => {
    if (gathered.push(bytes) === 1) process.nextTick(flush)
    return !connection.stream.writableNeedDrain
  }
  // Its own would overtake what is gathered: a cursor waits for the answer to what comes before it.
  connection.flush = () => {
    connection._send(FLUSH)
  }
}
