import type { Consistency, Plan } from '@pgherd/core/routing'
import { planStatement } from '@pgherd/core/routing'
import {
  type Catalogue,
  type Judgement,
  judgeStatement,
  type LiteralSpan,
  lexStatement,
  type StatementFacts,
  type ValueRows,
} from '@pgherd/core/sql'
import type { TextNature } from './owned-client.js'
import { ShapePace } from './shape-pace.js'
import type { CacheCounts } from './statistics.js'

/** What is known of all texts of one shape. */
interface ShapeRecord {
  /** The text with its literals replaced. */
  readonly shape: string
  readonly facts: StatementFacts
  readonly judgement: Judgement
  readonly nature: TextNature
  readonly pace: ShapePace
  readonly plans: Map<Consistency, Plan>
  /** How many more texts of it are kept although none has come again. */
  readonly keeping: { credit: number }
}

/** What is known of one text. */
export class StatementRecord {
  readonly text: string
  /** The text with its literals replaced. */
  readonly shape: string
  readonly facts: StatementFacts
  readonly judgement: Judgement
  readonly nature: TextNature
  /** That of its shape. */
  readonly pace: ShapePace
  /** Those of its shape. */
  readonly plans: Map<Consistency, Plan>
  readonly keeping: { credit: number }
  /** How often it has been run; what comes again is worth preparing. */
  uses = 0
  #literals: readonly LiteralSpan[] | null = null
  /** Its rows, of which shape and facts have one of each form; null: they have what it says. */
  readonly rows: ValueRows | null

  // Made for every new text: copying an object is ten times slower.
  constructor(
    text: string,
    of: ShapeRecord,
    literals: readonly LiteralSpan[] | null = null,
    rows: ValueRows | null = null,
  ) {
    this.text = text
    this.#literals = rows === null ? literals : null
    this.rows = rows
    this.shape = of.shape
    this.facts = of.facts
    this.judgement = of.judgement
    this.nature = of.nature
    this.pace = of.pace
    this.plans = of.plans
    this.keeping = of.keeping
  }

  /** For keeping: where many stand takes more room than the text, and can be found again. */
  forgetLiterals(): void {
    if (this.#literals !== null && this.#literals.length > FEW_LITERALS) this.#literals = null
  }

  /** Where its literals stand in the text. */
  get literals(): readonly LiteralSpan[] {
    this.#literals ??= lexStatement(this.text, { backslashQuotes: false }).literals
    return this.#literals
  }
}

/** Texts and characters of one generation; two are kept, the one in use and the one before. */
const GENERATION = { texts: 2000, characters: 1_000_000 }
/** Texts of a shape that are kept before one must have come again, and how many more for each that has. */
const FIRST_CREDIT = 256
const CREDIT_OF_ONE = 4
const MOST_CREDIT = 1000
/** Of texts that do not come again so many are let go for one that is kept. */
const TRIED_ONE_IN = 16
/** Longer texts are not kept: they hardly ever come again, and would take the room of many. */
const LONGEST_KEPT = 10_000
/** What a record of a text takes beside the text itself; measured. */
const BYTES_A_RECORD = 200
/** So many literals take no more room than the text. */
const FEW_LITERALS = 4

/** Reads the facts of texts; core/sql caches them by shape. */
export interface FactsReader {
  factsOf(text: string): {
    readonly shape: string
    readonly facts: StatementFacts
    readonly literals?: readonly LiteralSpan[]
    readonly rows?: ValueRows | null
  }
  readonly stats: { readonly shapes: number; readonly shapeBytes: number }
}

/**
 * Texts with what has been judged of them, so that a text that comes again costs one lookup. Bounded: of
 * two generations the older one is dropped when the younger is full.
 */
export class StatementBook {
  readonly #reader: FactsReader
  readonly #shard: string
  #catalogue: Catalogue | null = null
  #young = new Map<string, StatementRecord>()
  #old = new Map<string, StatementRecord>()
  #youngCharacters = 0
  #oldCharacters = 0
  /** Facts are one object for each shape, for as long as the reader remembers it. */
  #shapes = new WeakMap<StatementFacts, ShapeRecord>()

  constructor(reader: FactsReader, shard: string) {
    this.#reader = reader
    this.#shard = shard
  }

  /** What statements are judged by from now on. */
  useCatalogue(catalogue: Catalogue): void {
    this.#catalogue = catalogue
    this.#young.clear()
    this.#old.clear()
    this.#youngCharacters = this.#oldCharacters = 0
    this.#shapes = new WeakMap()
  }

  get ready(): boolean {
    return this.#catalogue !== null
  }

  get counts(): CacheCounts {
    const texts = this.#young.size + this.#old.size
    const { shapes, shapeBytes } = this.#reader.stats
    const textBytes = 2 * (this.#youngCharacters + this.#oldCharacters) + BYTES_A_RECORD * texts
    return { texts, shapes, bytes: textBytes + shapeBytes }
  }

  /** Must be `ready`. `like`: what another book has of the text, which is not read again. */
  look(text: string, like: StatementRecord | null = null): StatementRecord {
    const known = this.#young.get(text)
    if (known !== undefined) {
      cameAgain(known)
      return known
    }
    const older = this.#old.get(text)
    if (older !== undefined) {
      cameAgain(older)
      this.#keep(older)
      return older
    }
    const record =
      like === null ? this.#read(text) : new StatementRecord(text, this.#judge(like), null, like.rows)
    if (text.length <= LONGEST_KEPT && isWorthKeeping(record)) {
      record.forgetLiterals()
      this.#keep(record)
    }
    return record
  }

  #keep(record: StatementRecord): void {
    if (this.#young.size >= GENERATION.texts || this.#youngCharacters >= GENERATION.characters) {
      this.#old = this.#young
      this.#oldCharacters = this.#youngCharacters
      this.#young = new Map()
      this.#youngCharacters = 0
    }
    this.#young.set(record.text, record)
    this.#youngCharacters += record.text.length
  }

  #read(text: string): StatementRecord {
    const { shape, facts, literals, rows } = this.#reader.factsOf(text)
    return new StatementRecord(text, this.#judge({ shape, facts }), literals, rows)
  }

  #judge({ shape: shapeText, facts }: Pick<StatementRecord, 'shape' | 'facts'>): ShapeRecord {
    let shape = this.#shapes.get(facts)
    if (shape === undefined) {
      const judgement = judgeStatement(facts, this.#catalogue as Catalogue)
      shape = {
        shape: shapeText,
        facts,
        judgement,
        nature: natureOf(facts, judgement),
        pace: new ShapePace(),
        keeping: { credit: FIRST_CREDIT },
        plans: new Map(),
      }
      this.#shapes.set(facts, shape)
    }
    return shape
  }

  plan(record: StatementRecord, consistency: Consistency): Plan {
    const known = record.plans.get(consistency)
    if (known !== undefined) return known
    const plan = planStatement(record.judgement, consistency, this.#shard)
    // Objects that say how stale an answer may be are often made anew for each call.
    if (typeof consistency === 'string') record.plans.set(consistency, plan)
    return plan
  }
}

/**
 * Where literals stand in place of parameters each text is a new one: keeping it would cost more than
 * reading it, and push others out. Now and then one is tried all the same, as habits change.
 */
function isWorthKeeping({ keeping }: ShapeRecord): boolean {
  if (keeping.credit-- > 0) return true
  if (keeping.credit > -TRIED_ONE_IN) return false
  keeping.credit = 0
  return true
}

function cameAgain({ keeping }: ShapeRecord): void {
  if (keeping.credit < MOST_CREDIT) keeping.credit += CREDIT_OF_ONE
}

/** Kinds that set nothing unless they leave traces. */
const SETS_NOTHING: ReadonlySet<string> = new Set(['read', 'write', 'transaction', 'empty'])

function natureOf({ kind, command, writes, statements }: StatementFacts, judgement: Judgement): TextNature {
  // A COPY that has ended leaves nothing.
  const leavesTraces = judgement.traces.some((trace) => trace !== 'transaction' && trace !== 'copy')
  const isSingle = statements === 1
  // It says something else on a standby.
  const isShow = isSingle && command === 'SHOW'
  return {
    leavesTraces,
    // BEGIN and COMMIT write nothing themselves; what is between them does.
    writes: !judgement.reads && !isShow && (kind !== 'transaction' || writes),
    isSingle,
    mayDeferFlush: leavesTraces || !isSingle || !SETS_NOTHING.has(kind),
  }
}
