/** Where a server listens. */
export interface ServerAddress {
  host: string
  port: number
}

/** One PostgreSQL server, running or not. */
export interface Server {
  name: string
  dataDir: string
  logFile: string
  address: ServerAddress
}
