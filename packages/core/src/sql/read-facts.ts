import { type Lexed, type LexOptions, lexStatement } from './lex-statement.js'
import { type Fields, isParserReady, parseSql } from './parser.js'
import { readStatement } from './read-statement.js'
import { ShapeLiterals } from './shape-literals.js'
import { StatementDraft } from './statement-draft.js'
import { notUnderstood, type StatementFacts } from './statement-facts.js'
import { StatementWalk } from './statement-walk.js'
import { isFields, NotUnderstood } from './tree.js'

export interface FactsReading {
  facts: StatementFacts
  /** The facts are what they are only for now: the parser is being loaded again after a crash. */
  passing: boolean
}

/**
 * Reads what a SQL text is. `loadParser` must have been awaited once before.
 *
 * The text's *shape* is parsed, not the text: what is found is then true of every text of that shape, and
 * neither the size nor the contents of a literal reach the parser.
 *
 * @throws Error when the parser was never loaded, which is a mistake in our own code
 */
export function readFacts(text: string, options: LexOptions = { backslashQuotes: false }): StatementFacts {
  return readShape(lexStatement(text, options)).facts
}

let wasReady = false

/** The facts of a statement whose literals are out already. */
export function readShape({ shape, literals, ambiguous }: Lexed): FactsReading {
  wasReady ||= isParserReady()
  if (!wasReady) throw new Error('loadParser() must have finished before facts are read')
  if (ambiguous !== null) return lasting(notUnderstood(ambiguous))
  const parsed = parseSql(shape)
  if (parsed.kind === 'error') return lasting(notUnderstood(parsed.message))
  if (parsed.kind === 'crashed') return { facts: notUnderstood(parsed.message), passing: parsed.again }
  const found = new ShapeLiterals(shape)
  if (found.count !== literals.length) return lasting(notUnderstood('literals that change places'))
  return lasting(gather(parsed.statements, found))
}

function gather(statements: readonly Fields[], literals: ShapeLiterals): StatementFacts {
  try {
    const draft = new StatementDraft()
    const walk = new StatementWalk(draft, literals)
    for (const statement of statements) {
      if (!isFields(statement.stmt)) throw new NotUnderstood('a statement of an unknown form')
      readStatement(walk, statement.stmt)
    }
    return draft.finish()
  } catch (error) {
    if (error instanceof NotUnderstood) return notUnderstood(error.message)
    throw error
  }
}

function lasting(facts: StatementFacts): FactsReading {
  return { facts, passing: false }
}
