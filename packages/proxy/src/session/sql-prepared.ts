import type { StatementRecord } from '@pgherd/client/internal'

// PREPARE, EXECUTE and DEALLOCATE, said as SQL.

/** What such a statement does to what its session has prepared by SQL. */
export type PreparedChange =
  | { readonly kind: 'prepare'; readonly name: string; readonly statement: SqlPrepared }
  | { readonly kind: 'deallocate'; readonly name: string }
  | { readonly kind: 'deallocate all' }

/** A statement prepared by SQL. */
export interface SqlPrepared {
  /** PREPARE, as it was said. */
  readonly text: string
  /** What EXECUTE runs. */
  readonly runs: string
}

const NAME = '("(?:[^"]|"")+"|[a-z_][\\w$]*)'
const PREPARE = new RegExp(
  `^\\s*prepare\\s+${NAME}\\s*(?:\\((?:[^()]|\\([^()]*\\))*\\)\\s*)?\\bas\\b\\s*([^]+)$`,
  'i',
)
const DEALLOCATE = new RegExp(`^\\s*deallocate\\s+(?:prepare\\s+)?${NAME}[\\s;]*$`, 'i')
/** Of a shape: arguments that run no code. */
const PLAIN = "(?:-?\\d[\\d.]*|'x'|null|true|false|\\$\\d+)"
const EXECUTE = new RegExp(
  `^\\s*execute\\s+${NAME}\\s*(?:\\(\\s*${PLAIN}(?:\\s*,\\s*${PLAIN})*\\s*\\))?[\\s;]*$`,
  'i',
)
const COMMENT = /--|\/\*/
/** What is longer would be said again and again. */
const LONGEST = 4000
/** Names that the proxy gives to what the protocol prepares. */
const OURS = /^pgherd_/

/** What a text prepares or takes away, where it does nothing else and can be said again on another connection. */
export function preparedChange({ facts, text }: StatementRecord): PreparedChange | null {
  if (facts.statements !== 1 || text.length > LONGEST || COMMENT.test(text)) return null
  if (facts.command === 'PREPARE') {
    const [, name, runs] = PREPARE.exec(text) ?? []
    if (name === undefined || runs === undefined || OURS.test(folded(name))) return null
    return {
      kind: 'prepare',
      name: folded(name),
      statement: { text: withoutEnd(text), runs: withoutEnd(runs) },
    }
  }
  if (facts.command !== 'DEALLOCATE') return null
  const [, name] = DEALLOCATE.exec(text) ?? []
  if (name === undefined) return null
  return name.toLowerCase() === 'all'
    ? { kind: 'deallocate all' }
    : { kind: 'deallocate', name: folded(name) }
}

/** The name of what a text executes, where its arguments are plain; else null. */
export function executedName({ facts, shape }: StatementRecord): string | null {
  if (facts.command !== 'EXECUTE' || facts.statements !== 1 || shape.length > LONGEST) return null
  const [, name] = EXECUTE.exec(shape) ?? []
  return name === undefined || OURS.test(folded(name)) ? null : folded(name)
}

/** A name as SQL has it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function folded(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase()
}

export function withoutEnd(text: string): string {
  return text.replace(/[\s;]+$/, '').trimStart()
}
