import type { StatementRecord } from '@pgherd/client/internal'
import { type PreparedChange, quoted, type SqlPrepared, withoutEnd } from './sql-prepared.js'

/** What a statement does to a setting that can be said again on another connection. */
export type SettingChange =
  | { readonly kind: 'set'; readonly name: string; readonly text: string }
  | { readonly kind: 'reset'; readonly name: string }
  | { readonly kind: 'reset all' }

/** Settings that no answer depends on: connections can be shared by those who differ in them. */
const UNSEEN = new Set(
  'application_name statement_timeout lock_timeout idle_in_transaction_session_timeout transaction_timeout'.split(
    ' ',
  ),
)

/**
 * Settings that are only what they say: nothing else in the session changes with them, nothing is read
 * differently by the proxy, and every role may set them to the same values again. Not here and so kept on a
 * connection of one's own: roles, encodings, what decides which transactions a standby can run, and names
 * of somebody's own, which code may read at any time and cleaning does not take away.
 */
const REPEATABLE: ReadonlySet<string> = new Set([
  ...UNSEEN,
  ...[
    'search_path timezone intervalstyle extra_float_digits bytea_output xmlbinary xmloption',
    'client_min_messages lc_monetary lc_numeric lc_time row_security',
    'escape_string_warning quote_all_identifiers array_nulls transform_null_equals check_function_bodies',
    'synchronous_commit',
    'work_mem hash_mem_multiplier maintenance_work_mem jit plan_cache_mode constraint_exclusion',
    'enable_bitmapscan enable_hashagg enable_hashjoin enable_indexonlyscan enable_indexscan enable_material',
    'enable_memoize enable_mergejoin enable_nestloop enable_parallel_append enable_parallel_hash enable_seqscan',
    'enable_sort enable_tidscan enable_incremental_sort enable_gathermerge enable_partition_pruning',
    'enable_partitionwise_aggregate enable_partitionwise_join random_page_cost seq_page_cost cpu_tuple_cost',
    'cpu_index_tuple_cost cpu_operator_cost effective_cache_size effective_io_concurrency cursor_tuple_fraction',
    'from_collapse_limit join_collapse_limit geqo geqo_threshold max_parallel_workers_per_gather',
    'parallel_setup_cost parallel_tuple_cost min_parallel_table_scan_size min_parallel_index_scan_size',
  ].flatMap((line) => line.split(' ')),
])

const SET = /^\s*set\s+(?:session\s+)?(?:(time\s+zone)\s+|([a-z_]+)\s*(?:=\s*|\bto\s+))([^;]+?)[\s;]*$/i
const RESET = /^\s*reset\s+(?:(all)|(time\s+zone)|([a-z_]+))[\s;]*$/i
const COMMENT = /--|\/\*/
/** With only one of its two parts the other stays what it was. */
const BOTH_OF_DATESTYLE = /^'?(iso|sql|postgres|german)\s*,\s*(mdy|dmy|ymd)'?$/
/** What is longer would be said again and again. */
const LONGEST = 1000

/** What a text changes, when that can be said again elsewhere; null: nothing, or something else as well. */
export function settingChange({ facts, text }: StatementRecord): SettingChange | null {
  if (facts.statements !== 1 || text.length > LONGEST || COMMENT.test(text)) return null
  if (facts.command === 'SET') {
    const match = SET.exec(text)
    if (match === null) return null
    const name = match[1] === undefined ? (match[2] as string).toLowerCase() : 'timezone'
    const value = (match[3] as string).toLowerCase()
    const isRepeatable = REPEATABLE.has(name) || (name === 'datestyle' && BOTH_OF_DATESTYLE.test(value))
    if (!isRepeatable) return null
    const isReset = value === 'default' || (match[1] !== undefined && value === 'local')
    return isReset ? { kind: 'reset', name } : { kind: 'set', name, text: withoutEnd(text) }
  }
  if (facts.command !== 'RESET') return null
  const match = RESET.exec(text)
  if (match === null) return null
  if (match[1] !== undefined) return { kind: 'reset all' }
  const name = match[2] === undefined ? (match[3] as string).toLowerCase() : 'timezone'
  return REPEATABLE.has(name) || name === 'datestyle' ? { kind: 'reset', name } : null
}

/** The settings of one session, and what it has prepared by SQL, each as the text that makes it so. */
export class SessionSettings {
  static readonly NONE = new SessionSettings(new Map(), new Map())

  readonly #texts: ReadonlyMap<string, string>
  readonly #prepared: ReadonlyMap<string, SqlPrepared>
  /** The same for the same settings, in whatever order they were made. */
  readonly key: string
  /** The same where answers are. */
  readonly answerKey: string

  private constructor(texts: ReadonlyMap<string, string>, prepared: ReadonlyMap<string, SqlPrepared>) {
    this.#texts = texts
    this.#prepared = prepared
    const sorted = [...texts].sort(byName)
    const seen = sorted.filter(([name]) => !UNSEEN.has(name))
    const statements = [...prepared].sort(byName).map(([, { text }]) => text)
    this.key = sorted.length + statements.length === 0 ? '' : JSON.stringify([sorted, statements])
    this.answerKey = seen.length === 0 ? '' : JSON.stringify(seen)
  }

  static named(applicationName: string): SessionSettings {
    if (applicationName === '') return SessionSettings.NONE
    // As servers do, each in its way: other characters may not be there in the client's encoding.
    const ascii = applicationName.replaceAll(/[^ -~]/gu, '?')
    const literal = `E'${ascii.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    return new SessionSettings(
      new Map([['application_name', `set application_name = ${literal}`]]),
      new Map(),
    )
  }

  has(name: string): boolean {
    return this.#texts.has(name)
  }

  /** What EXECUTE of a name runs; null: not known here. */
  prepared(name: string): string | null {
    return this.#prepared.get(name)?.runs ?? null
  }

  /** After a change; what is reset is again as it was at the `start` of the session. */
  after(change: SettingChange | PreparedChange, start: SessionSettings): SessionSettings {
    switch (change.kind) {
      case 'reset all':
        return new SessionSettings(start.#texts, this.#prepared)
      case 'deallocate all':
        return this.#prepared.size === 0 ? this : new SessionSettings(this.#texts, start.#prepared)
      case 'prepare':
        return new SessionSettings(this.#texts, withEntry(this.#prepared, change.name, change.statement))
      case 'deallocate':
        return new SessionSettings(this.#texts, withEntry(this.#prepared, change.name, undefined))
      default: {
        const text = change.kind === 'set' ? change.text : start.#texts.get(change.name)
        return new SessionSettings(withEntry(this.#texts, change.name, text), this.#prepared)
      }
    }
  }

  /**
   * Whether the change could be said again elsewhere: what is prepared keeps the meaning that the settings of
   * then gave it.
   */
  canChange(change: SettingChange | PreparedChange, start: SessionSettings): boolean {
    return this.#prepared.size === 0 || this.after(change, start).answerKey === this.answerKey
  }

  /** What makes a session with these settings one with those; empty: nothing. */
  stepsTo(wanted: SessionSettings): string {
    const steps: string[] = []
    for (const name of this.#texts.keys()) if (!wanted.#texts.has(name)) steps.push(`reset ${name}`)
    for (const [name, text] of wanted.#texts) if (this.#texts.get(name) !== text) steps.push(text)
    return steps.join('; ')
  }

  /** What makes what is prepared in a session with these settings what is in one with those; each for itself. */
  preparationsFor(wanted: SessionSettings): string[] {
    // What it means comes from the settings under which it was prepared.
    const isSame = this.answerKey === wanted.answerKey
    const isKept = (name: string): boolean =>
      isSame && wanted.#prepared.get(name)?.text === this.#prepared.get(name)?.text
    const gone = [...this.#prepared.keys()].filter((name) => !isKept(name))
    const missing = [...wanted.#prepared].filter(([name]) => !isKept(name))
    return [...gone.map((name) => `deallocate ${quoted(name)}`), ...missing.map(([, { text }]) => text)]
  }

  /** What makes answers those of such a session, where it was opened for many. */
  get stepsForAnswers(): string {
    const seen = [...this.#texts].filter(([name]) => !UNSEEN.has(name))
    return seen.map(([, text]) => text).join('; ')
  }
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}

function withEntry<T>(entries: ReadonlyMap<string, T>, name: string, value: T | undefined): Map<string, T> {
  const changed = new Map(entries)
  if (value === undefined) changed.delete(name)
  else changed.set(name, value)
  return changed
}
