import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** The last lines of a file, reading no more than its end. */
export function tailOf(path: string, count: number): string[] {
  try {
    const file = openSync(path, 'r')
    try {
      const { size } = fstatSync(file)
      const bytes = Buffer.alloc(Math.min(size, Math.max(8192, count * 400)))
      readSync(file, bytes, 0, bytes.length, size - bytes.length)
      return bytes.toString('utf8').trimEnd().split('\n').slice(-count)
    } finally {
      closeSync(file)
    }
  } catch {
    return []
  }
}
