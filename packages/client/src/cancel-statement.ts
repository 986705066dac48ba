import pg from 'pg'
import { internalsOf } from './pg-internals.js'

/** Asks the server, over a connection made for that, to cancel what a client has under way. */
export function cancelStatement(client: pg.Client): void {
  const { processID, secretKey } = internalsOf(client)
  const { host, port, ssl } = client as pg.Client & { ssl: unknown }
  const { Connection } = pg as unknown as { Connection: new (config: object) => CancelConnection }
  const connection = new Connection({ ssl })
  connection.on('error', () => {})
  connection.once('connect', () => connection.cancel(processID, secretKey))
  connection.connect(host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : port, host)
}

interface CancelConnection {
  on(event: 'error', listener: () => void): void
  once(event: 'connect', listener: () => void): void
  connect(port: number | string, host: string): void
  cancel(processID: number, secretKey: number): void
}
