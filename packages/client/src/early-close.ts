import { EventEmitter } from 'node:events'

/** A cursor as `pg-cursor` has it, or a stream with one in it. */
interface Reader {
  readonly cursor?: Closable
  submit(connection: EarlyConnection): unknown
}

interface Closable {
  connection?: unknown
  close?: unknown
}

interface EarlyConnection {
  sync(): void
  once(event: string, listener: () => void): void
}

/** Stands for the connection of a cursor that has none yet, and notes that it was closed. */
class ConnectionToCome extends EventEmitter {
  /** What a `connection` of `pg` has. */
  readonly stream = { writable: true }
  isClosed = false

  close(): void {
    this.isClosed = true
  }

  sync(): void {}

  ready(): void {
    this.emit('readyForQuery')
  }
}

/**
 * A client that has to get a connection first gives it to a cursor later than `pg` does. One that was closed by then is
 * not opened any more: nobody would read it to its end. Returns what to call when it is never to have a connection.
 */
export function noteEarlyClose(input: object): () => void {
  const reader = input as Reader
  const cursor = reader.cursor ?? (input as Closable)
  if (!('handlePortalSuspended' in input) || typeof cursor.close !== 'function') return () => {}
  const toCome = new ConnectionToCome()
  cursor.connection ??= toCome
  const submit = reader.submit.bind(reader)
  reader.submit = (connection) => {
    if (!toCome.isClosed) return submit(connection)
    connection.once('readyForQuery', () => toCome.ready())
    return connection.sync()
  }
  return () => toCome.ready()
}
