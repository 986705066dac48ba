import type pg from 'pg'
import { FirstRowsQuery } from './first-rows-query.js'
import {
  makeQuery,
  type PgCallback,
  type PgConnection,
  type PgQuery,
  PgQueryClass,
  type PgQueryConfig,
  type PgResultInternals,
} from './pg-internals.js'

/** A statement that a lane has prepared, and what its rows look like once that has been seen. */
export interface Prepared {
  readonly name: string
  columns: PgResultInternals | null
}

/**
 * A statement on a lane. Of a prepared one whose columns are known no description is asked for again:
 * PostgreSQL refuses to run a prepared statement whose columns have changed (0A000, "cached plan must not
 * change result type"), so they are what they were.
 */
class LaneQuery extends PgQueryClass {
  readonly #prepared: Prepared | null

  constructor(config: PgQueryConfig, prepared: Prepared | null, callback: PgCallback) {
    super(config.text, config.values ?? [], callback)
    this.#prepared = prepared
    this.name = prepared?.name
    this.queryMode = 'extended'
  }

  // The checks of the original are for what callers may pass; values are encoded already.
  override submit(connection: pg.Connection): void {
    this.prepare(connection as unknown as PgConnection)
  }

  override prepare(connection: PgConnection): void {
    const columns = this.#prepared?.columns ?? null
    if (columns === null || !this.hasBeenParsed(connection)) {
      super.prepare(connection)
      return
    }
    this._result.fields = columns.fields.slice()
    this._result._parsers = columns._parsers
    this._result._prebuiltEmptyResultObject = columns._prebuiltEmptyResultObject
    this._accumulateRows = true
    connection.bind({ portal: '', statement: this.name, values: this.values, binary: this.binary })
    connection.execute({ portal: '' })
    connection.sync()
  }
}

/** The query for a lane: the quick kind, unless the caller wants rows of another make. */
export function makeLaneQuery(
  config: PgQueryConfig,
  prepared: Prepared | null,
  callback: PgCallback,
): PgQuery {
  if (config.firstRows !== undefined)
    return new FirstRowsQuery({ ...config, name: prepared?.name }, config.firstRows, callback)
  if (isUsualMake(config)) return new LaneQuery(config, prepared, callback)
  return makeQuery({ ...config, name: prepared?.name, queryMode: 'extended' }, callback)
}

/** Its rows are made as the pool's options say, like those of anybody else. */
export function isUsualMake({ rowMode, types, binary, firstRows }: PgQueryConfig): boolean {
  return [rowMode, types, binary, firstRows].every((said) => said === undefined)
}
