import type { Consistency } from '@pgherd/core/routing'
import {
  commandComplete,
  dataRow,
  NO_DATA,
  rowDescription,
  type ServerReport,
} from '../protocol/server-messages.js'
import { readSetting, writeSetting } from './consistency-hint.js'
import type { ShownPlan } from './shown-plan.js'

/** A statement that the proxy answers itself. */
export type ProxyCommand =
  /** Of a statement that the protocol has prepared: servers know it under another name. */
  | { readonly kind: 'deallocate'; readonly name: string }
  /** Null: as it was at the login. */
  | { readonly kind: 'set consistency'; readonly to: Consistency | null; readonly tag: 'SET' | 'RESET' }
  | { readonly kind: 'show consistency' }
  | { readonly kind: 'show plan' }
  | { readonly kind: 'refused'; readonly report: ServerReport }

/** Statements of the proxy's own are short; expressions with repetitions are for short texts only. */
const LONGEST = 1000
const FIRST_WORD = /^(deallocate|set|show|reset)\b/i
const DEALLOCATE = /^\s*deallocate\s+(?:prepare\s+)?(?:"((?:[^"]|"")+)"|([a-z_][\w$]*))\s*;?\s*$/i
const OUR_SETTING = /^\s*(?:set|show|reset)\s+(session\s+|local\s+)?pgherd\.(\w+)\s*(.*?)[\s;]*$/is
const VALUE = /^(?:=|to\b)\s*(?:'([^']*)'|([\w.]+))$/i

/** Null: it is for a server. `isPrepared`: the client has prepared a statement of this name by the protocol. */
export function readProxyCommand(given: string, isPrepared: (name: string) => boolean): ProxyCommand | null {
  const text = afterComments(given)
  const word = FIRST_WORD.exec(text)?.[1]?.toLowerCase()
  if (word === undefined) return null
  if (text.length > LONGEST) return /^\w+\s+pgherd\./.test(text) ? refused(SYNTAX) : null
  if (word === 'deallocate') return readDeallocate(text, isPrepared)
  const [, scope = '', name = '', rest = ''] = OUR_SETTING.exec(text) ?? []
  if (name === '') return null
  switch (`${word} ${name.toLowerCase()}`) {
    case 'show consistency':
      return rest === '' && scope === '' ? { kind: 'show consistency' } : refused(SYNTAX)
    case 'show plan':
      return rest === '' && scope === '' ? { kind: 'show plan' } : refused(SYNTAX)
    case 'reset consistency':
      return rest === '' && scope === ''
        ? { kind: 'set consistency', to: null, tag: 'RESET' }
        : refused(SYNTAX)
    case 'set consistency':
      return scope.toLowerCase().startsWith('local') ? refused(NOT_LOCAL) : readSet(rest)
    default:
      return refused({
        severity: 'ERROR',
        code: '42704',
        message: `unrecognized configuration parameter "pgherd.${name}"`,
        hint: 'There are pgherd.consistency, and pgherd.plan for SHOW.',
      })
  }
}

/** From the first word on: frameworks put comments before it. */
function afterComments(text: string): string {
  for (let at = 0; ; ) {
    while (BLANK.has(text.charCodeAt(at))) at++
    const end = text.startsWith('--', at)
      ? text.indexOf('\n', at) + 1
      : text.startsWith('/*', at)
        ? text.indexOf('*/', at + 2) + 2
        : at
    if (end === at) return at === 0 ? text : text.slice(at)
    // It does not end.
    if (end < at) return ''
    at = end
  }
}

const BLANK: ReadonlySet<number> = new Set([...' \t\n\r\f\v'].map((blank) => blank.charCodeAt(0)))

function readDeallocate(text: string, isPrepared: (name: string) => boolean): ProxyCommand | null {
  const match = DEALLOCATE.exec(text)
  if (match === null) return null
  const [, quoted, plain = ''] = match
  const name = quoted?.replaceAll('""', '"') ?? plain.toLowerCase()
  return isPrepared(name) ? { kind: 'deallocate', name } : null
}

function readSet(rest: string): ProxyCommand {
  const [, quoted, plain] = VALUE.exec(rest) ?? []
  const value = quoted ?? plain
  if (value === undefined) return refused(SYNTAX)
  if (quoted === undefined && value.toLowerCase() === 'default')
    return { kind: 'set consistency', to: null, tag: 'SET' }
  const to = readSetting(value.toLowerCase())
  if (to !== null) return { kind: 'set consistency', to, tag: 'SET' }
  return refused({
    severity: 'ERROR',
    code: '22023',
    message: `invalid value for parameter "pgherd.consistency": "${value}"`,
    hint: "Available values: primary, session, eventual, 'bounded=500ms'.",
  })
}

const SYNTAX: ServerReport = {
  severity: 'ERROR',
  code: '42601',
  message: 'syntax error in a statement about the settings of pgherd',
  hint: "As in: SET pgherd.consistency = 'eventual', SHOW pgherd.consistency, RESET pgherd.consistency, SHOW pgherd.plan.",
}

const NOT_LOCAL: ServerReport = {
  severity: 'ERROR',
  code: '0A000',
  message: 'SET LOCAL pgherd.consistency is not supported',
  hint: 'A comment at its beginning is for one statement: /* pgherd: primary */ SELECT …',
}

function refused(report: ServerReport): ProxyCommand {
  return { kind: 'refused', report }
}

/** How a command of the proxy's is answered, without what says that a session is ready again. */
export interface ProxyAnswer {
  /** What its rows are, where it has some. */
  readonly description: Buffer | null
  readonly answer: Buffer
}

export function done(tag: string): ProxyAnswer {
  return { description: null, answer: commandComplete(tag) }
}

export function showConsistency(consistency: Consistency): ProxyAnswer {
  return { description: CONSISTENCY_ROW, answer: shownRow([writeSetting(consistency)]) }
}

/** Null: nothing was run yet. */
export function showPlan(plan: ShownPlan | null): ProxyAnswer {
  const { node = null, role = null, connection = null, why = null } = plan ?? {}
  return { description: PLAN_ROW, answer: shownRow([node, role, connection, why]) }
}

function shownRow(values: readonly (string | null)[]): Buffer {
  return Buffer.concat([dataRow(values), commandComplete('SHOW')])
}

const CONSISTENCY_ROW = rowDescription(['pgherd.consistency'])
const PLAN_ROW = rowDescription(['node', 'role', 'connection', 'why'])

/** What a command will answer with: rows of text, or none. */
export function describeCommand({ kind }: ProxyCommand): Buffer {
  if (kind === 'show consistency') return CONSISTENCY_ROW
  return kind === 'show plan' ? PLAN_ROW : NO_DATA
}
