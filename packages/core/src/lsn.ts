/**
 * A place in the write-ahead log, as a number of bytes from its start. A JavaScript number holds it
 * exactly up to 2^53 bytes (8 PiB of WAL), which no herd of ours reaches.
 */
export type Lsn = number

const PATTERN = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/

/** Reads PostgreSQL's notation, `16/B374D848`. Throws a RangeError on anything else. */
export function parseLsn(text: string): Lsn {
  const match = PATTERN.exec(text)
  if (!match) throw new RangeError(`not an LSN: ${JSON.stringify(text)}`)
  const lsn = Number.parseInt(match[1] as string, 16) * 2 ** 32 + Number.parseInt(match[2] as string, 16)
  if (!Number.isSafeInteger(lsn)) throw new RangeError(`LSN beyond 2^53: ${text}`)
  return lsn
}

/** Writes PostgreSQL's notation. */
export function formatLsn(lsn: Lsn): string {
  const high = Math.floor(lsn / 2 ** 32)
  const low = lsn % 2 ** 32
  return `${high.toString(16).toUpperCase()}/${low.toString(16).toUpperCase()}`
}
