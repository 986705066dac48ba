import type { PgCallback, PgConnection, PgQueryConfig } from './pg-internals.js'
import { PgQueryClass } from './pg-internals.js'

/**
 * A statement of which only the first rows are asked for: the server makes no more, and forgets it at the Sync
 * (PostgreSQL documentation, "Extended Query": the row limit of Execute). What writes is run to its end all the
 * same, also where it returns rows.
 *
 * The `rows` of `pg` is something else: it asks again until there are no more.
 */
export class FirstRowsQuery extends PgQueryClass {
  readonly #most: number

  constructor(config: PgQueryConfig, most: number, callback: PgCallback) {
    super(config, undefined, callback)
    this.#most = most
    this.queryMode = 'extended'
  }

  override _getRows(connection: PgConnection): void {
    connection.execute({ portal: '', rows: this.#most })
    connection.sync()
  }

  /** There are more. */
  override handlePortalSuspended(): void {
    this._result.command = 'SELECT'
    this._result.rowCount = this.#most
  }
}
