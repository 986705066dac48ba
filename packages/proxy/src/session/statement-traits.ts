import type { StatementRecord } from '@pgherd/client/internal'

// What the proxy must know of a statement beyond the judgement that the client makes of it too.

/** What it leaves behind can be cleaned away, and nobody counts on it: event triggers may run any code. */
export function isPlainDdl({ facts, judgement, nature }: StatementRecord): boolean {
  const isDdl = facts.kind === 'ddl' || facts.kind === 'maintenance'
  return isDdl && nature.isSingle && judgement.traces.every((trace) => PASSING.has(trace))
}

const PASSING: ReadonlySet<string> = new Set(['transaction', 'unknown'])

/** It ends its transaction, one way or the other. */
export function endsTransaction({ facts }: StatementRecord): boolean {
  return facts.kind === 'transaction' && ENDS_TRANSACTION.test(facts.command)
}

const ENDS_TRANSACTION = /^(COMMIT|ROLLBACK|END|ABORT|PREPARE TRANSACTION)/

/** It names statements that are prepared for clients, or what lists them (I6). */
export function namesPrepared({ facts, shape, text, judgement }: StatementRecord): boolean {
  // In a literal they matter only where it may be run as SQL.
  return judgement.shared ? namesOthers(facts, shape) : OTHERS.test(text)
}

/** It may see statements that are prepared for others without naming them: by a view, or in code (I6). */
export function maySeePrepared({ facts, judgement }: StatementRecord): boolean {
  if (judgement.shared) return false
  return facts.kind === 'read' || facts.kind === 'write' || judgement.traces.includes('unknown')
}

const OTHERS = /pgherd_\d|pg_prepared_statement/i
/** By shape. */
const NAMING = new WeakMap<object, boolean>()

function namesOthers(facts: object, shape: string): boolean {
  let names = NAMING.get(facts)
  if (names === undefined) {
    names = OTHERS.test(shape)
    NAMING.set(facts, names)
  }
  return names
}

/**
 * DISCARD ALL leaves what it does not know: a setting with a name of somebody's own stays there, empty, and
 * so does the seed of random numbers. Code that cannot be read may have made either.
 */
export function outlivesCleaning({ judgement, text }: StatementRecord): boolean {
  return (
    judgement.traces.includes('unknown') ||
    (judgement.traces.includes('settings') && (text.includes('.') || /set_config|setseed/i.test(text)))
  )
}

const READ_ONLY = /\bread only\b/i
const READ_WRITE = /\bread write\b|\bserializable\b/i

/** BEGIN READ ONLY, of an isolation that a standby has. A shape has neither comments nor odd spaces. */
export function opensReadOnly(records: readonly StatementRecord[]): boolean {
  const [record] = records
  if (record === undefined || records.length !== 1) return false
  const { facts, shape } = record
  return (
    OPENS_TRANSACTION.has(facts.command) &&
    facts.statements === 1 &&
    READ_ONLY.test(shape) &&
    !READ_WRITE.test(shape)
  )
}

const OPENS_TRANSACTION: ReadonlySet<string> = new Set(['BEGIN', 'START TRANSACTION'])
