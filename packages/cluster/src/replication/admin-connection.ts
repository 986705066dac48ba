import pg from 'pg'
import type { ServerAddress } from '../postgres/index.js'

/**
 * Runs `use` on a superuser connection of its own and closes it afterwards.
 * `timeoutMs` bounds the connection attempt and each statement.
 */
export async function withAdminConnection<T>(
  address: ServerAddress,
  password: string,
  timeoutMs: number,
  use: (client: pg.Client) => Promise<T>,
  database = 'postgres',
): Promise<T> {
  const client = await connectAdmin(address, password, timeoutMs, database)
  try {
    return await use(client)
  } finally {
    await Promise.race([client.end(), new Promise((resolve) => setTimeout(resolve, 200))])
  }
}

/** A superuser's connection, for whoever asks for it to end. `timeoutMs` bounds the attempt and each statement. */
export async function connectAdmin(
  address: ServerAddress,
  password: string,
  timeoutMs: number,
  database: string,
): Promise<pg.Client> {
  const client = new pg.Client({
    host: address.host,
    port: address.port,
    user: 'postgres',
    password,
    database,
    application_name: 'pgherd supervisor',
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
  })
  client.on('error', () => {})
  await client.connect()
  return client
}
