import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startTokenOf } from '@pgherd/cluster/process-identity'

/** The dashboard that runs: which process, since when, and where it serves. */
export interface ServiceRecord {
  pid: number
  startToken: string
  url: string
}

/** The dashboard that runs with this state folder; null when none does. A later process with its number is not it. */
export async function readService(stateDir: string): Promise<ServiceRecord | null> {
  const text = await readFile(fileIn(stateDir), 'utf8').catch(() => 'null')
  try {
    const record = JSON.parse(text) as ServiceRecord | null
    return record !== null && startTokenOf(record.pid) === record.startToken ? record : null
  } catch {
    return null
  }
}

/** Notes that this process is it. */
export async function recordService(stateDir: string, url: string): Promise<void> {
  const record: ServiceRecord = { pid: process.pid, startToken: startTokenOf(process.pid) ?? '', url }
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  await writeFile(fileIn(stateDir), JSON.stringify(record), { mode: 0o600 })
}

export async function forgetService(stateDir: string): Promise<void> {
  await rm(fileIn(stateDir), { force: true })
}

function fileIn(stateDir: string): string {
  return join(stateDir, 'crypto-dashboard.json')
}
