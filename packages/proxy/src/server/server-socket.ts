import net from 'node:net'
import tls from 'node:tls'

/** Where a server is, and how it is to be spoken to, as `pg` reads it from a connection string. */
export interface ServerAddress {
  /** A folder with its socket, when it begins with a slash. */
  readonly host: string
  readonly port: number
  /** True or options of Node's `tls`: with TLS only; false: without. */
  readonly ssl?: boolean | tls.ConnectionOptions
  /** `direct`: TLS from the first byte (PostgreSQL 17). */
  readonly sslNegotiation?: string
}

/** A connection on its way. */
export interface Dialled {
  /** For ending it at any time. */
  readonly raw: net.Socket
  /** What to speak over. Rejects when the server has no TLS, or no certificate that will do. */
  readonly spoken: Promise<net.Socket>
}

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const YES = 0x53 // S

export function dial(address: ServerAddress): Dialled {
  const { host, port, ssl } = address
  const isLocal = host.startsWith('/')
  const raw = isLocal ? net.connect(`${host}/.s.PGSQL.${port}`) : net.connect(port, host)
  raw.setNoDelay(true)
  raw.setKeepAlive(true)
  return { raw, spoken: ssl && !isLocal ? secure(raw, address, ssl) : Promise.resolve(raw) }
}

function secure(
  raw: net.Socket,
  { host, sslNegotiation }: ServerAddress,
  ssl: true | tls.ConnectionOptions,
): Promise<net.Socket> {
  const isDirect = sslNegotiation === 'direct'
  return new Promise((resolve, reject) => {
    const upgrade = (): void => {
      const secured = tls.connect({
        socket: raw,
        host,
        ...(ssl === true ? {} : ssl),
        // `pg` hides the key from whoever prints its options, and with that from copies.
        ...(ssl !== true && ssl.key !== undefined ? { key: ssl.key } : {}),
        ...(isDirect ? { ALPNProtocols: ['postgresql'] } : {}),
        ...(net.isIP(host) === 0 ? { servername: host } : {}),
      })
      secured.on('error', reject)
      secured.once('secureConnect', () => {
        secured.off('error', reject)
        resolve(secured)
      })
      secured.once('close', () => reject(new Error('the server closed the connection')))
    }
    raw.on('error', reject)
    raw.once('close', () => reject(new Error('the server closed the connection')))
    if (isDirect) {
      raw.once('connect', upgrade)
      return
    }
    raw.write(SSL_REQUEST)
    raw.once('data', (answer: Buffer) => {
      // What comes with the answer was not encrypted: nobody knows whose it is.
      if (answer.length === 1 && answer[0] === YES) upgrade()
      else {
        const why = answer[0] === YES ? 'sent data before it was encrypted' : 'does not support TLS'
        raw.destroy(new Error(`the server ${why}`))
      }
    })
  })
}
