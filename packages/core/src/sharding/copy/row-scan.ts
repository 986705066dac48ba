/** Finds where rows end, and where in them columns begin, in bytes that come in pieces. */
export interface RowScan {
  /** Where columns begin in the row that was found; as many as `columns`. */
  readonly starts: Int32Array
  readonly columns: number
  /** Where its last column ends. */
  readonly end: number
  /** Something in the row is written otherwise than it is meant: escapes, quotes. */
  readonly isWritten: boolean
  /** What comes from now on is no row any more. */
  readonly ended: boolean
  /**
   * Goes on with the row under way. Says where in `bytes` the next one begins, or -1 when this one goes on
   * behind them. Throws CopyError.
   */
  scan(bytes: Uint8Array, from: number): number
  /** The row that was found has been dealt with. */
  begin(): void
  /** There is nothing more: whether what is under way is a row. Throws CopyError. */
  finish(): boolean
}

/** More columns than a table can have; of those beyond, the server says that they are too many. */
export const MOST_COLUMNS = 1700
