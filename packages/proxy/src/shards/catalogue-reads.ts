import type { StatementRecord } from '@pgherd/client/internal'
import type { CatalogueNames } from './sharded-database.js'
import type { WireValue } from './wire-values.js'

/** Where what the catalogues say is read. */
export type CatalogueGroup = 'home' | 'shard'

const SYSTEM: ReadonlySet<string> = new Set(['pg_catalog', 'information_schema'])
const WORD = /[\p{L}_][\p{L}\d_$]*/gu
/** PostgreSQL's own are below, and the same everywhere. */
const FIRST_OID = 16384
const OID = /^'?(\d{5,10})'?$/
/** So many are remembered. */
const MOST_OIDS = 10_000

/**
 * Where the reads of PostgreSQL's catalogues of one session go, as psql and the tools of programs do them. The home
 * group knows its own tables, and a shard those that are spread, each with columns, indexes and constraints as they are.
 * By numbers, which are others on each server, is asked where the session has them from.
 */
export class CatalogueReads {
  readonly #names: CatalogueNames
  /** Of objects that a read of both has told. */
  readonly #told = new Map<string, CatalogueGroup>()
  #last: CatalogueGroup = 'home'

  constructor(names: CatalogueNames) {
    this.#names = names
  }

  /** Null: it is about something else. */
  whereOf(record: StatementRecord, values: readonly WireValue[]): CatalogueGroup | 'both' | null {
    if (!isCatalogueRead(record)) return null
    const given = [...literalsOf(record), ...values.flatMap(textOf)]
    const oid = given.map((text) => OID.exec(text)?.[1]).find((each) => Number(each) >= FIRST_OID)
    const words = given.flatMap((text) => text.match(WORD) ?? [])
    const [isSpread, isHome] = [words.some(this.#names.isSpread), words.some(this.#names.isHome)]
    if (isSpread !== isHome) {
      this.#told.clear()
      this.#last = isSpread ? 'shard' : 'home'
      return this.#last
    }
    if (isSpread || oid === undefined) return 'both'
    return this.#told.get(oid) ?? this.#last
  }

  /** Both have been asked, and have told these numbers; false: which of them one is cannot be told apart. */
  note(home: ReadonlySet<string>, shard: ReadonlySet<string>): boolean {
    if ([...shard].some((oid) => home.has(oid))) return false
    if (this.#told.size > MOST_OIDS) this.#told.clear()
    for (const oid of home) this.#told.set(oid, 'home')
    for (const oid of shard) this.#told.set(oid, 'shard')
    return true
  }
}

/** All that it reads is PostgreSQL's own. */
export function isCatalogueRead({ facts }: StatementRecord): boolean {
  return (
    facts.command === 'SELECT' &&
    facts.statements === 1 &&
    facts.tables.length > 0 &&
    facts.tables.every(({ schema, name }) => (schema === null ? name.startsWith('pg_') : SYSTEM.has(schema)))
  )
}

function literalsOf({ literals, text }: StatementRecord): string[] {
  return literals.map(({ start, end }) => text.slice(start, end))
}

/** Numbers in binary are read as numbers; what else is in binary holds its text. */
function textOf({ bytes, isBinary }: WireValue): string[] {
  if (bytes === null) return []
  if (isBinary && bytes.length === 4) return [String(bytes.readUInt32BE(0)), bytes.toString('latin1')]
  return [bytes.toString('utf8')]
}
