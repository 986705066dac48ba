import { type StatementRecord, settingStep } from '@pgherd/client/internal'
import { isCatalogueRead } from './catalogue-reads.js'

const COMMANDS: ReadonlySet<string> = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE'])
const KNOWN = new WeakMap<StatementRecord['facts'], boolean>()

/**
 * It reads or changes rows of a person's tables and does nothing else: no setting, cursor, statement prepared by SQL
 * or catalogue has a part in where it goes. Most statements are such, and it is judged once for all of a shape: to
 * look for all of that in each text took longer than to find its shard.
 */
export function isAboutRows(record: StatementRecord): boolean {
  const { facts } = record
  let is = KNOWN.get(facts)
  if (is === undefined) {
    is =
      facts.statements === 1 &&
      COMMANDS.has(facts.command) &&
      settingStep(record, { text: record.text }) === null &&
      !isCatalogueRead(record)
    KNOWN.set(facts, is)
  }
  return is
}
