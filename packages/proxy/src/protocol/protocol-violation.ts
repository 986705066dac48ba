/** What a client sent is not PostgreSQL's protocol; the connection cannot go on. */
export class ProtocolViolation extends Error {
  readonly sqlState: string
  readonly detail: string | undefined

  constructor(message: string, sqlState = '08P01', detail?: string) {
    super(message)
    this.name = 'ProtocolViolation'
    this.sqlState = sqlState
    this.detail = detail
  }
}
