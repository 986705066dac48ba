import { StatementText } from './statement-text.js'

/** EXPLAIN in its usual form, as text for people. */
export interface ExplainStatement {
  /** What it is about. */
  readonly query: string
  /** What is said ahead of that. */
  readonly prefix: string
}

const WORDS = /^\s*explain\s+(?:analy[sz]e\s+)?(?:verbose\s+)?/i
const LIST = /^\s*explain\s*\(/i

/** Null: it is none, or answers in a form for programs. */
export function readExplain(text: string): ExplainStatement | null {
  const statement = new StatementText(text)
  const { shape } = statement
  const list = LIST.exec(shape)
  const words = WORDS.exec(shape)
  if (!statement.isPlain || (list === null && words === null)) return null
  const end = list === null ? (words?.[0].length ?? 0) : statement.endOfParentheses(list[0].length - 1)
  const options = list === null ? '' : shape.slice(list[0].length, end)
  // EXPLAIN (SELECT …) has no options; a query may stand in parentheses.
  if (end < 0 || /^\s*\(*\s*(?:select|with|values|table)\b/i.test(options)) return null
  if (/\bformat\b(?!\s+text\b)/i.test(options)) return null
  return { prefix: statement.textOf(0, end), query: statement.textOf(end, shape.length) }
}
