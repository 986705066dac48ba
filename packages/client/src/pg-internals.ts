import type { Duplex } from 'node:stream'
import pg from 'pg'
// @ts-expect-error: not in the published types
import pgUtils from 'pg/lib/utils.js'

/**
 * What we use of `pg` beyond its published types: its query object, the connection under a client, and
 * how it turns values into text. All of it has been there, unchanged, since pg 8.0.
 */
export interface PgConnection {
  readonly stream: Duplex
  readonly parsedStatements: Record<string, string>
  on(event: 'parseComplete' | 'bindComplete' | 'readyForQuery', listener: () => void): this
  once(event: 'end', listener: () => void): this
}

export interface PgClientInternals {
  readonly connection: PgConnection
  readonly processID: number
  readonly secretKey: number
  ref(): void
  unref(): void
  getTransactionStatus(): 'I' | 'T' | 'E' | null
}

export interface PgQueryConfig {
  text: string
  values?: readonly unknown[] | undefined
  name?: string | undefined
  rowMode?: 'array' | undefined
  types?: pg.CustomTypesConfig | undefined
  /** Anything but the simple protocol, also without values. */
  queryMode?: 'extended'
}

export type PgCallback = (error: Error | null, result: pg.QueryResult | pg.QueryResult[]) => void

type QueryConstructor = new (config: PgQueryConfig, values: undefined, callback: PgCallback) => pg.Submittable

/** A statement as a client takes it, answered by callback. */
export function makeQuery(config: PgQueryConfig, callback: PgCallback): pg.Submittable {
  const Query = pg.Query as unknown as QueryConstructor
  return new Query(config, undefined, callback)
}

export function internalsOf(client: pg.ClientBase): PgClientInternals {
  return client as unknown as PgClientInternals
}

/** A value as `pg` sends it. Throws what its own conversion throws. */
export const encodeValue = (pgUtils as { prepareValue: (value: unknown) => string | Buffer | null })
  .prepareValue
