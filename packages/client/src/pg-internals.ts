import type { Duplex } from 'node:stream'
import pg from 'pg'
// @ts-expect-error: not in the published types
import pgUtils from 'pg/lib/utils.js'
import type { NoticeListener } from './statement-trace.js'

/**
 * What we use of `pg` beyond its published types: its query object, the connection under a client, and
 * how it turns values into text. All of it has been there, unchanged, since pg 8.0.
 */
export interface PgConnection {
  readonly stream: Duplex
  readonly parsedStatements: Record<string, string>
  on(event: 'parseComplete' | 'bindComplete' | 'end', listener: () => void): this
  on(event: 'readyForQuery', listener: (message: { status: 'I' | 'T' | 'E' }) => void): this
  on(event: 'parameterStatus', listener: (message: ParameterStatus) => void): this
  on(event: 'notice', listener: (message: { routine?: string | undefined }) => void): this
  removeListener(event: 'readyForQuery' | 'end', listener: () => void): this
  once(event: 'end', listener: () => void): this
  bind(config: {
    portal: string
    statement: string | undefined
    values: readonly unknown[] | undefined
    binary?: boolean | undefined
  }): void
  parse(config: { text: string; name: string }): void
  execute(config: { portal: string; rows?: number }): void
  close(config: { type: 'S'; name: string }): void
  sync(): void
  flush(): void
  /** Nearly every message goes through it. */
  _send(bytes: Uint8Array): boolean
}

export interface ParameterStatus {
  readonly parameterName: string
  readonly parameterValue: string
}

/** What `pg` keeps of the columns of an answer, and builds rows with. */
export interface PgResultInternals {
  fields: pg.FieldDef[]
  _parsers: unknown
  _prebuiltEmptyResultObject: unknown
  command: string | null
  rowCount: number | null
}

/** Parsers given to one client, by type. */
export interface TypeParsers {
  text: Record<number, unknown>
  binary: Record<number, unknown>
}

export interface PgClientInternals {
  readonly _types: TypeParsers
  readonly readyForQuery: boolean | undefined
  readonly _activeQuery: unknown
  readonly _queryQueue: readonly unknown[]
  readonly _queryable: boolean
  readonly _ended: boolean
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
  binary?: boolean | undefined
  query_timeout?: number | undefined
  /** The most rows the server is to make. */
  firstRows?: number | undefined
  /** Hears what the server says beside the answer. */
  noticed?: NoticeListener | undefined
  /** Anything but the simple protocol, also without values. */
  queryMode?: 'extended'
}

export type PgCallback = (error: Error | null, result: pg.QueryResult | pg.QueryResult[]) => void

export interface PgQuery {
  submit(connection: pg.Connection): void
  name: string | undefined
  queryMode: string | undefined
  callback: PgCallback | undefined
  readonly values: readonly unknown[] | undefined
  readonly binary: boolean | undefined
  readonly _result: PgResultInternals
  _accumulateRows: boolean
  hasBeenParsed(connection: PgConnection): boolean
  prepare(connection: PgConnection): void
  handleDataRow(message: unknown): void
  _getRows(connection: PgConnection, rows: number | undefined): void
  handlePortalSuspended(connection: PgConnection): void
  handleCommandComplete(message: unknown, connection: pg.Connection): void
}

type QueryConstructor = new (
  config: PgQueryConfig | string,
  values: readonly unknown[] | undefined,
  callback: PgCallback | undefined,
) => PgQuery

/** The class of a statement in `pg`. */
export const PgQueryClass = pg.Query as unknown as QueryConstructor

/** A statement as a client takes it, answered by callback. */
export function makeQuery(config: PgQueryConfig, callback: PgCallback): PgQuery {
  // A client looks for a time limit on whatever it is given.
  return Object.assign(new PgQueryClass(config, undefined, callback), { query_timeout: config.query_timeout })
}

/** For questions of our own, whose answers we read: how values are to be given to callers does not matter. */
export function withoutParsers(config: pg.ClientConfig): pg.ClientConfig {
  const { types: _callers, binary: _too, ...rest } = config as pg.ClientConfig & { binary?: boolean }
  return rest
}

export function internalsOf(client: pg.ClientBase): PgClientInternals {
  return client as unknown as PgClientInternals
}

/** A value as `pg` sends it. Throws what its own conversion throws. */
export const encodeValue = (pgUtils as { prepareValue: (value: unknown) => string | Buffer | null })
  .prepareValue
