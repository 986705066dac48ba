/** What PostgreSQL says of rows that it cannot copy, with its SQLSTATE in `code`. */
export class CopyError extends Error {
  readonly severity = 'ERROR'
  readonly code: string
  readonly hint: string | undefined
  /** Which row it is about; PostgreSQL calls it the context. */
  where: string | undefined

  constructor(code: string, message: string, hint?: string) {
    super(message)
    this.code = code
    this.hint = hint
  }
}

export const BAD_COPY_FILE_FORMAT = '22P04'
export const NOT_NULL_VIOLATION = '23502'
export const INVALID_TEXT_REPRESENTATION = '22P02'
export const INVALID_BINARY_REPRESENTATION = '22P03'
export const NUMERIC_VALUE_OUT_OF_RANGE = '22003'
export const CHARACTER_NOT_IN_REPERTOIRE = '22021'
export const FEATURE_NOT_SUPPORTED = '0A000'

export function badFormat(message: string, hint?: string): CopyError {
  return new CopyError(BAD_COPY_FILE_FORMAT, message, hint)
}
