import type pg from 'pg'
import type { StatementRecord } from '../statement-book.js'
import { notSupported } from './herd-answers.js'

/** What every connection of a session must have been told, since it may join later. */
export interface Step {
  /** `local`: of its transaction alone. */
  readonly kind: 'begin' | 'savepoint' | 'setting' | 'local'
  readonly config: pg.QueryConfig
  /** Of a savepoint. */
  readonly name: string | null
}

/** SET and its like end with their transaction. */
const LOCAL = /^set (local|transaction|constraints)\b/i
/** The last argument of `set_config`, and of `set_config` alone. */
const LOCAL_CALL = /,\s*(?:true|'t(?:rue)?'|'on'|'1')(?:::bool(?:ean)?)?\s*\)/gi
const ANY_CALL = /\bset_config\s*\(/gi
/** SET of one name, which the next of that name takes the place of. */
const PLAIN_SET = /^\s*set\s+(?:session\s+)?([a-z_][\w.]*)\s*(?:=|\s+to\s)/i
/** The same by a call of `set_config` with one name, which is no local one. */
const PLAIN_CALL =
  /^\s*select\s+(?:pg_catalog\.)?set_config\s*\(\s*(?:'([^'\\]+)'|\$(\d+))(?:::text)?\s*,\s*(?:'(?:[^']|'')*'|\$\d+)(?:::text)?\s*,\s*(?:false|'f(?:alse)?')\s*\)(?:\s+as\s+\w+)?[\s;]*$/i
const OTHER_SNAPSHOT = /repeatable|serializable/i
const ROLE = /\brole\b|authorization/i
/** SET LOCAL and its like, wherever they stand in a text. */
const LOCAL_AMONG_OTHERS = /(?:^|;)\s*set (?:local|transaction|constraints)\b/i
const NAME = /("(?:[^"]|"")+"|[^\s";]+)[\s;]*$/

export function beginStep(text: string): Step {
  return { kind: 'begin', config: { text }, name: null }
}

/** Null for what is no setting. A call of `set_config` is one where it is all that a statement does. */
export function settingStep({ facts, shape, text }: StatementRecord, config: pg.QueryConfig): Step | null {
  const { command, statements } = facts
  if (statements !== 1) return null
  if (['SET', 'RESET', 'DISCARD', 'SET CONSTRAINTS'].includes(command))
    return { kind: LOCAL.test(shape) ? 'local' : 'setting', config, name: null }
  const isCall =
    command === 'SELECT' &&
    facts.tables.length === 0 &&
    facts.functions.length > 0 &&
    facts.functions.every(({ name }) => name === 'set_config')
  if (!isCall) return null
  const isLocal = text.match(LOCAL_CALL)?.length === text.match(ANY_CALL)?.length
  return { kind: isLocal ? 'local' : 'setting', config, name: null }
}

/** Throws where one of several statements in a text is for all groups of a session: the text goes to one. */
export function refuseAmongOthers({ facts, shape }: StatementRecord, inTransaction: boolean): void {
  if (facts.statements <= 1) return
  if (facts.traces.includes('transaction'))
    throw notSupported('BEGIN, COMMIT and the like go each by themselves to a herd that is sharded.')
  // What is set for a transaction ends with the text where that is one by itself.
  if (facts.traces.includes('settings') || (inTransaction && LOCAL_AMONG_OTHERS.test(shape)))
    throw notSupported('SET and the like go each by themselves to a herd that is sharded.')
}

/** The name in SAVEPOINT, RELEASE and ROLLBACK TO, as PostgreSQL folds it. */
export function savepointOf(shape: string): string {
  const name = NAME.exec(shape)?.[1] ?? ''
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase()
}

export type SavepointCommand = 'SAVEPOINT' | 'RELEASE' | 'ROLLBACK TO'

/** What they are after such a command; null where there is no such savepoint. */
export function stepsMoved(
  steps: readonly Step[],
  command: SavepointCommand,
  name: string,
  config: pg.QueryConfig,
): Step[] | null {
  if (command === 'SAVEPOINT') return [...steps, { kind: 'savepoint', config, name }]
  return command === 'RELEASE' ? stepsReleased(steps, name) : stepsBack(steps, name)
}

/** What is left of them after ROLLBACK TO; null where there is no such savepoint. */
function stepsBack(steps: readonly Step[], savepoint: string): Step[] | null {
  const at = steps.findLastIndex(({ name }) => name === savepoint)
  return at < 0 ? null : steps.slice(0, at + 1)
}

/** What is left of them after RELEASE; null where there is no such savepoint. */
function stepsReleased(steps: readonly Step[], savepoint: string): Step[] | null {
  const at = steps.findLastIndex(({ name }) => name === savepoint)
  return at < 0 ? null : steps.filter((step, index) => index < at || step.kind !== 'savepoint')
}

/** With one more; what is said twice counts where it was said last. */
export function withSetting(settings: readonly Step[], step: Step): Step[] {
  if (/^\s*discard\s+all\b/i.test(step.config.text)) return []
  const said = JSON.stringify(step.config)
  const name = nameSet(step.config)
  const isSame = ({ config }: Step): boolean =>
    JSON.stringify(config) === said || (name !== null && nameSet(config) === name)
  return [...settings.filter((each) => !isSame(each)), step]
}

/** The one name that is set; null: there are several, or it is not plain which. */
function nameSet({ text, values }: pg.QueryConfig): string | null {
  const [, written, given] = PLAIN_CALL.exec(text) ?? []
  const name = PLAIN_SET.exec(text)?.[1] ?? written ?? values?.[Number(given) - 1]
  return typeof name === 'string' ? name.toLowerCase() : null
}

/** What a transaction that follows in a chain begins with. */
export function stepsOfChain(steps: readonly Step[]): Step[] {
  return steps.filter(
    ({ kind, config }) =>
      kind === 'begin' || (kind === 'local' && /^\s*set\s+transaction\b/i.test(config.text)),
  )
}

/** Its reads are to see one moment. */
export function isOfOneSnapshot(steps: readonly Step[]): boolean {
  return steps.some(({ kind, config }) => kind !== 'savepoint' && OTHER_SNAPSHOT.test(textOf(config)))
}

/** They may have it run under another role. */
export function takesRole(steps: readonly Step[]): boolean {
  return steps.some(({ kind, config }) => kind !== 'savepoint' && ROLE.test(textOf(config)))
}

function textOf({ text, values }: pg.QueryConfig): string {
  return values === undefined ? text : `${text} ${values.join(' ')}`
}
