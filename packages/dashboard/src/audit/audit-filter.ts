import type { AuditAction, AuditOutcome } from '@pgherd/core/api'
import type { MessageKey } from '../i18n/translate.js'

/** What can be done, and what it is called. */
export const ACTIONS: Readonly<Record<AuditAction, MessageKey>> = {
  switchover: 'audited.switchover',
  failover: 'audited.failover',
  'add-node': 'audited.add-node',
  'remove-node': 'audited.remove-node',
  chaos: 'audited.chaos',
  stop: 'audited.stop',
  sql: 'audited.sql',
  other: 'audited.other',
}

/** What can become of it. */
export const OUTCOMES: Readonly<Record<AuditOutcome, MessageKey>> = {
  accepted: 'outcome.accepted',
  refused: 'outcome.refused',
  failed: 'outcome.failed',
}

/** What a person wants to see of the audit log; an empty field asks for nothing. */
export interface AuditFilter {
  action: AuditAction | ''
  who: string
  outcome: AuditOutcome | ''
  /** Only what is older than this entry. */
  before: string
}

/** How many entries stand on one page. */
export const PAGE_ENTRIES = 100

/** What the address asks for; what it cannot ask for is left out. */
export function auditFilterOf(params: URLSearchParams): AuditFilter {
  const get = (name: string) => params.get(name) ?? ''
  return {
    action: Object.hasOwn(ACTIONS, get('action')) ? (get('action') as AuditAction) : '',
    who: get('who'),
    outcome: Object.hasOwn(OUTCOMES, get('outcome')) ? (get('outcome') as AuditOutcome) : '',
    before: /^[1-9]\d{0,14}$/.test(get('before')) ? get('before') : '',
  }
}

/** The fields that ask for something, as they stand in an address. */
export function askedFor(filter: AuditFilter): Record<string, string> {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== ''))
}

/** The request for the entries that fit. */
export function auditPath(filter: AuditFilter): string {
  return `v1/audit?${new URLSearchParams({ last: String(PAGE_ENTRIES), ...askedFor(filter) })}`
}
