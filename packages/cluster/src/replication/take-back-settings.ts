import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'

/** What `ALTER SYSTEM` writes, and PostgreSQL reads after every other file. */
const AUTO_FILE = 'postgresql.auto.conf'

/** Settings on which promises of pgherd rest; who is primary and what is acknowledged depends on them. */
const OURS: ReadonlySet<string> = new Set([
  'synchronous_standby_names',
  'primary_conninfo',
  'primary_slot_name',
  'recovery_target_timeline',
  'hot_standby',
])

/** Those of our settings that somebody changed with `ALTER SYSTEM` on the server of this data directory. */
export async function overriddenSettings(dataDir: string): Promise<string[]> {
  const lines = await readLines(dataDir)
  return lines.map(nameIn).filter((name) => OURS.has(name))
}

/** Undoes that on a running server; it takes effect with the next reload. */
export async function resetSettings(client: pg.Client, names: readonly string[]): Promise<void> {
  for (const name of names) await client.query(`alter system reset ${client.escapeIdentifier(name)}`)
}

/** Undoes that in the files of a server that does not run. */
export async function removeSettings(dataDir: string): Promise<void> {
  const lines = await readLines(dataDir)
  // In place, so that the file stays its owner's; the server that reads it is started after this.
  await writeFile(join(dataDir, AUTO_FILE), lines.filter((line) => !OURS.has(nameIn(line))).join('\n'))
}

async function readLines(dataDir: string): Promise<string[]> {
  const text = await readFile(join(dataDir, AUTO_FILE), 'utf8').catch(() => '')
  return text.split('\n')
}

function nameIn(line: string): string {
  return (/^\s*([A-Za-z_.]+)\s*=/.exec(line)?.[1] ?? '').toLowerCase()
}
