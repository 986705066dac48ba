import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
// The rest of that package would double the time that a proxy takes to start.
import { startTokenOf } from '@pgherd/cluster/process-identity'

/** The proxy of a herd that runs, as it wrote itself down. */
export interface ProxyRecord {
  readonly pid: number
  readonly startToken: string
  /** Where it serves; null while it is starting. */
  readonly address: { readonly host: string; readonly port: number } | null
}

/** The proxy that this file names, if it is alive. */
export function readProxyRecord(file: string): ProxyRecord | null {
  const record = parseRecord(file)
  return record !== null && startTokenOf(record.pid) === record.startToken ? record : null
}

/** Writes this process down; in one step, so that nobody reads half of it. */
export function writeProxyRecord(file: string, address: ProxyRecord['address']): void {
  const record: ProxyRecord = { pid: process.pid, startToken: startTokenOf(process.pid) ?? '', address }
  const mine = `${file}.${process.pid}.new`
  writeFileSync(mine, JSON.stringify(record), { mode: 0o600 })
  renameSync(mine, file)
}

/** Takes this process out of the file, unless another has taken its place. */
export function removeProxyRecord(file: string): void {
  if (parseRecord(file)?.pid === process.pid) rmSync(file, { force: true })
}

/** Takes away what a proxy that was killed could not. */
export function removeStaleProxy(file: string, socket: string): void {
  if (readProxyRecord(file) !== null) return
  rmSync(socket, { force: true })
  rmSync(file, { force: true })
}

function parseRecord(file: string): ProxyRecord | null {
  try {
    const { pid, startToken, address = null } = JSON.parse(readFileSync(file, 'utf8')) as Partial<ProxyRecord>
    return typeof pid === 'number' && typeof startToken === 'string' ? { pid, startToken, address } : null
  } catch {
    return null
  }
}
