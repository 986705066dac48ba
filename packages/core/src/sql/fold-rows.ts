import type { Lexed } from './lex-statement.js'
import type { InsertFacts, StatementFacts, ValueRef } from './statement-facts.js'

/** An INSERT of many rows, said with one row of each form that its rows have. */
export interface FoldedRows {
  readonly lexed: Lexed
  /** The facts of the whole by those of the folded statement; null where these are not of its rows. */
  unfold(facts: StatementFacts): StatementFacts | null
}

/** What has fewer rows is parsed as it is. */
const FEWEST_ROWS = 17
/** Rows differ by what is NULL, negative, a fraction or too large for an integer in them. */
const MOST_FORMS = FEWEST_ROWS - 1

const HEAD = /^insert into [\w."]+ ?(?:\([\w ,"]*\) ?)?values ?(?=\()/i
const NUMBER = String.raw`(?:- ?)?(?:1|1\.0|\.0|11111111111)`
const STRING = String.raw`(?:[EN]|U&)?'x'|\$\$x\$\$`
const ITEM = String.raw`(?:${NUMBER}|${STRING}|\$|null|true|false|default)(?: ?:: ?\w+)?`
const ROW = new RegExp(String.raw`^\( ?${ITEM}(?: ?, ?${ITEM})* ?\)$`, 'i')
const PARAMETER = /\$\d+/g
const WORD = /^ ?(?:null|true|false|default)\b/i

type ItemKind = 'literal' | 'parameter' | 'word'

/** What rows have in common that differ in their values only. */
interface RowForm {
  readonly items: readonly ItemKind[]
  readonly literals: number
  /** The first row of it. */
  readonly text: string
  /** The index of that row's first literal in the folded statement. */
  readonly firstLiteral: number
}

interface Row {
  readonly form: number
  /** The numbers of its parameters, in their order. */
  readonly parameters: readonly number[]
}

/**
 * Folds the rows of `INSERT … VALUES` whose values are literals and parameters alone, so that thousands of them cost
 * the parser no more than one. Null for any other statement.
 */
export function foldRows({ shape, literals }: Lexed): FoldedRows | null {
  const head = HEAD.exec(shape)?.[0]
  if (head === undefined) return null
  const forms = new Map<string, number>()
  const known: RowForm[] = []
  const rows: Row[] = []
  let literalsSeen = 0
  let firstLiteral = 0
  let at = head.length
  for (;;) {
    const end = shape.charAt(at) === '(' ? shape.indexOf(')', at) + 1 : 0
    if (end === 0) return null
    const text = shape.slice(at, end)
    const hasParameters = text.includes('$')
    const parameters = hasParameters
      ? (text.match(PARAMETER) ?? []).map((name) => Number(name.slice(1)))
      : NONE
    const key = hasParameters ? text.replace(PARAMETER, '$') : text
    let form = forms.get(key)
    if (form === undefined) {
      if (known.length === MOST_FORMS || !ROW.test(key)) return null
      form = known.length
      forms.set(key, form)
      const items = key.slice(1, -1).split(',').map(kindOf)
      const own = items.filter((kind) => kind === 'literal').length
      known.push({ items, literals: own, text, firstLiteral })
      firstLiteral += own
    }
    rows.push({ form, parameters })
    literalsSeen += (known[form] as RowForm).literals
    at = end
    if (shape.charAt(at) === ' ' && shape.charAt(at + 1) === ',') at++
    if (shape.charAt(at) !== ',') break
    at += shape.charAt(at + 1) === ' ' ? 2 : 1
  }
  // What stands behind the rows would count on from theirs.
  if (rows.length < FEWEST_ROWS || literalsSeen !== literals.length) return null
  const folded = `${head}${known.map(({ text }) => text).join(', ')}${shape.slice(at)}`
  return {
    lexed: { shape: folded, literals: literals.slice(0, firstLiteral), ambiguous: null },
    unfold: (facts) => unfold(facts, known, rows),
  }
}

const NONE: readonly number[] = []

function kindOf(item: string): ItemKind {
  if (WORD.test(item)) return 'word'
  return /^ ?\$(?!\$)/.test(item) ? 'parameter' : 'literal'
}

function unfold(
  facts: StatementFacts,
  forms: readonly RowForm[],
  rows: readonly Row[],
): StatementFacts | null {
  if (!facts.understood) return facts
  const [insert, another] = facts.inserts
  if (another !== undefined || insert?.rows?.length !== forms.length) return null
  if (insert.rows.some((row, at) => row.length !== forms[at]?.items.length)) return null
  let { maxParameter } = facts
  for (const { parameters } of rows)
    for (const number of parameters) maxParameter = Math.max(maxParameter, number)
  return { ...facts, maxParameter, inserts: [{ ...insert, rows: unfoldRows(insert.rows, forms, rows) }] }
}

function unfoldRows(
  folded: NonNullable<InsertFacts['rows']>,
  forms: readonly RowForm[],
  rows: readonly Row[],
): (ValueRef | null)[][] {
  let firstLiteral = 0
  return rows.map(({ form: at, parameters }) => {
    const { items, literals, firstLiteral: from } = forms[at] as RowForm
    const shift = firstLiteral - from
    firstLiteral += literals
    let parameter = 0
    return (folded[at] as (ValueRef | null)[]).map((ref, column) => {
      const number = items[column] === 'parameter' ? parameters[parameter++] : undefined
      if (ref === null) return null
      return { ...ref, index: number ?? ref.index + shift }
    })
  })
}
