import type { StatementRecord } from '@pgherd/client/internal'
import type { Lsn } from '@pgherd/core'
import { commandComplete, dataRow } from '../protocol/server-messages.js'

/** How the last statement was run. */
export interface ShownPlan {
  readonly node: string
  readonly role: 'primary' | 'standby'
  readonly connection: 'shared' | 'own'
  readonly why: string
}

/** Why a batch was given to a node of this role. */
export function whyThere(
  records: readonly StatementRecord[],
  role: 'primary' | 'standby',
  mayUseStandby: boolean,
  position: Lsn | null,
  chosen: string,
): string {
  if (role === 'standby') return 'it only reads'
  if (!mayUseStandby)
    return records.find(({ judgement }) => !judgement.reads)?.judgement.why ?? 'it may write'
  if (position === null) return 'what it may see is with the primary alone'
  return chosen === 'behind' ? 'no standby has all that it must see' : 'no standby is there'
}

/** What the answer to an EXPLAIN ends with. */
export const EXPLAINED = commandComplete('EXPLAIN')
/** Other formats are for programs. */
const NOT_FOR_PEOPLE = /\bformat\s*['"]?(?:json|xml|yaml)/i

/** It is answered with lines for people to read. */
export function isExplain(records: readonly StatementRecord[]): boolean {
  const [record] = records
  return record !== undefined && record.facts.command === 'EXPLAIN' && !NOT_FOR_PEOPLE.test(record.text)
}

/** The line that an EXPLAIN ends with. */
export function explainRow({ node, role, connection }: ShownPlan): Buffer {
  return dataRow([`Node: ${node} (${role}, ${connection} connection)`])
}

/** The answer to an EXPLAIN, with where that was. */
export function withNode(answer: Buffer, plan: ShownPlan): Buffer {
  const at = answer.lastIndexOf(EXPLAINED)
  return at < 0 ? answer : Buffer.concat([answer.subarray(0, at), explainRow(plan), answer.subarray(at)])
}
