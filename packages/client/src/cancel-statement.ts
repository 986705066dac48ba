import pg from 'pg'
import { internalsOf } from './pg-internals.js'

/** A server that does not take a cancellation within this is not going to act on it. */
const CANCEL_MS = 5000

/**
 * Asks the server, over a connection made for that, to cancel what a client has under way. Resolves when
 * the server has closed that connection: from then on the cancellation strikes no later statement. False
 * when it did not in time, so that the client must not be used again. Never rejects.
 */
export function cancelStatement(client: pg.Client): Promise<boolean> {
  const { processID, secretKey } = internalsOf(client)
  const { host, port, ssl } = client as pg.Client & { ssl: boolean | object }
  const { Connection } = pg as unknown as { Connection: new (config: object) => CancelConnection }
  const connection = new Connection({ ssl })
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      connection.stream.destroy()
      resolve(false)
    }, CANCEL_MS)
    connection.on('error', () => {})
    connection.once('end', () => {
      clearTimeout(timer)
      resolve(true)
    })
    const send = (): void => connection.cancel(processID, secretKey)
    connection.once('connect', ssl ? () => connection.requestSsl() : send)
    connection.once('sslconnect', send)
    connection.connect(host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : port, host)
  })
}

interface CancelConnection {
  readonly stream: { destroy(): void }
  on(event: 'error', listener: () => void): void
  once(event: 'connect' | 'sslconnect' | 'end', listener: () => void): void
  connect(port: number | string, host: string): void
  requestSsl(): void
  cancel(processID: number, secretKey: number): void
}
