import { BoundedMap } from './bounded-map.js'
import { type Lexed, type LiteralSpan, lexStatement } from './lex-statement.js'
import { type FactsReading, readShape } from './read-facts.js'
import { notUnderstood, type StatementFacts } from './statement-facts.js'
import { readValueRows, type ValueRows } from './value-rows.js'

export interface ReaderOptions {
  /** `standard_conforming_strings` may be off on the server. */
  backslashQuotes?: boolean
  /** Bytes for facts by shape, and again for readings by exact text; by estimate. */
  maxCacheBytes?: number
  /** A text longer than this is not remembered as it is, only by its shape. */
  maxCachedTextLength?: number
  /** A shape longer than this is not parsed: it is not understood. Rows that are alike count once. */
  maxShapeLength?: number
}

/** A statement that was read. */
export interface Reading {
  readonly shape: string
  readonly facts: StatementFacts
  /** Where the literals stand in this very text; `ValueRef.index` points into it. Empty where it has `rows`. */
  readonly literals: readonly LiteralSpan[]
  /** Its rows, where shape and facts are those of the folded statement. */
  readonly rows: ValueRows | null
}

export interface ReaderStats {
  /** Statements whose very text was known, whose shape was known, and that were parsed. */
  readonly textHits: number
  readonly shapeHits: number
  readonly parsed: number
  readonly texts: number
  readonly textBytes: number
  readonly shapes: number
  readonly shapeBytes: number
}

const DEFAULTS: Required<ReaderOptions> = {
  backslashQuotes: false,
  maxCacheBytes: 8 * 1024 * 1024,
  maxCachedTextLength: 4096,
  // Parsing takes about 1 us per byte, and nobody else gets a turn meanwhile.
  maxShapeLength: 64 * 1024,
}

const NO_LITERALS: readonly LiteralSpan[] = Object.freeze([])

/**
 * Reads statements and remembers what it read: first by the very text, then by the shape.
 *
 * What fails to parse is remembered too, so that it does not cost a parse, or a crash of the parser, each
 * time it comes.
 */
export class StatementReader {
  private readonly options: Required<ReaderOptions>
  private readonly byText: BoundedMap<Reading>
  private readonly byShape: BoundedMap<StatementFacts>
  private textHits = 0
  private shapeHits = 0
  private parsed = 0

  constructor(options: ReaderOptions = {}) {
    this.options = { ...DEFAULTS, ...options }
    this.byText = new BoundedMap(this.options.maxCacheBytes, bytesOfReading)
    this.byShape = new BoundedMap(this.options.maxCacheBytes, bytesOfFacts)
  }

  get stats(): ReaderStats {
    return {
      textHits: this.textHits,
      shapeHits: this.shapeHits,
      parsed: this.parsed,
      texts: this.byText.size,
      textBytes: this.byText.bytes,
      shapes: this.byShape.size,
      shapeBytes: this.byShape.bytes,
    }
  }

  /** The facts of a text, and where its literals stand. Never throws for any text. */
  factsOf(text: string): Reading {
    const known = this.byText.size === 0 ? undefined : this.byText.get(text)
    if (known !== undefined) {
      this.textHits++
      return known
    }
    const { backslashQuotes, maxShapeLength } = this.options
    const folded = this.foldedOf(text)
    if (folded !== null) return folded
    const lexed = lexStatement(text, { backslashQuotes, maxShapeLength })
    const { facts, passing } = this.factsOfShape(lexed)
    const literals = lexed.literals.length === 0 ? NO_LITERALS : lexed.literals
    const reading = { shape: lexed.shape, facts, literals, rows: null }
    if (!passing && this.comesAgain(text, reading)) this.byText.set(text, reading)
    return reading
  }

  /** Of rows that are alike one is parsed. */
  private foldedOf(text: string): Reading | null {
    const rows = readValueRows(text, this.options)
    if (rows === null || rows.lexed.shape.length > this.options.maxShapeLength) return null
    const { facts } = this.factsOfShape(rows.lexed)
    return rows.isSaidBy(facts) ? { shape: rows.lexed.shape, facts, literals: NO_LITERALS, rows } : null
  }

  /**
   * Whether the very text is worth remembering. One with literals and no parameter has its values written
   * into it, most likely another one each time: remembering those would cost more than lexing them.
   */
  private comesAgain(text: string, { facts, literals }: Reading): boolean {
    const isFixed = literals.length === 0 || facts.maxParameter > 0
    return isFixed && text.length <= this.options.maxCachedTextLength
  }

  private factsOfShape(lexed: Lexed): FactsReading {
    if (lexed.ambiguous !== null) return { facts: notUnderstood(lexed.ambiguous), passing: false }
    const known = this.byShape.get(lexed.shape)
    if (known !== undefined) {
      this.shapeHits++
      return { facts: known, passing: false }
    }
    this.parsed++
    const reading = readShape(lexed)
    if (!reading.passing) this.byShape.set(lexed.shape, reading.facts)
    return reading
  }
}

/** Two bytes a character, and what an entry and its span objects take; measured at 30 to 60 bytes a span. */
function bytesOfReading(text: string, reading: Reading): number {
  return 2 * (text.length + reading.shape.length) + 56 * reading.literals.length + 160
}

function bytesOfFacts(shape: string, facts: StatementFacts): number {
  let things = facts.tables.length + facts.functions.length + facts.operators.length + facts.types.length
  for (const block of facts.blocks) things += 1 + 2 * block.sources.length
  for (const equality of facts.equalities) things += 1 + equality.values.length
  for (const insert of facts.inserts) for (const row of insert.rows ?? []) things += 1 + row.length
  for (const { condition } of facts.outerEqualities) things += 3 + condition.values.length
  things += 5 * facts.outerPairs.length + 3 * facts.correlations.length + facts.assignments.length
  things += facts.mentions.length + facts.serverWords.length
  things += facts.columnPairs.length * 3 + facts.positions.length + facts.attributes.length
  return 2 * shape.length + 80 * things + 600
}
