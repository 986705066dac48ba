import type pg from 'pg'
import { type PgCallback, type PgConnection, PgQueryClass, type PgQueryConfig } from './pg-internals.js'

/**
 * A statement with others of ours ahead of it, in one round trip. The server skips to the Sync after an error
 * (PostgreSQL documentation, "Extended Query"), so it runs only if those ahead of it have succeeded; and what
 * opens no transaction block is one transaction, so that a setting local to it is gone with the statement.
 *
 * Not for statements with names: which of several statements was parsed is not told.
 */
export class PrefacedQuery extends PgQueryClass {
  readonly #prefaces: readonly string[]
  #toCome: number

  constructor(
    prefaces: readonly string[],
    config: string | PgQueryConfig,
    values?: readonly unknown[],
    callback?: PgCallback,
  ) {
    super(config, values, callback)
    this.#prefaces = prefaces
    this.#toCome = prefaces.length
    this.queryMode = 'extended'
  }

  override prepare(connection: PgConnection): void {
    for (const text of this.#prefaces) {
      connection.parse({ text, name: '' })
      connection.bind({ portal: '', statement: '', values: [] })
      connection.execute({ portal: '' })
    }
    super.prepare(connection)
  }

  override handleDataRow(message: unknown): void {
    if (this.#toCome === 0) super.handleDataRow(message)
  }

  override handleCommandComplete(message: unknown, connection: pg.Connection): void {
    if (this.#toCome > 0) this.#toCome--
    else super.handleCommandComplete(message, connection)
  }
}
