import type { StatementRecord } from '@pgherd/client/internal'
import { type LiteralSpan, StatementText } from '@pgherd/core/sql'
import { FROM_CLIENT, makeParse, SYNC } from '../protocol/client-messages.js'
import { FROM_SERVER } from '../protocol/server-messages.js'
import type { LaneScript } from '../server/proxy-lane.js'
import type { SimpleMessage } from './client-batch.js'
import type { StatementNames, VirtualStatement } from './virtual-statement.js'

/** So often a shape comes before it is worth preparing, and again after it has failed. */
const FIRST_USES = 4
const USES_AFTER_FAILURE = 1000
const MOST_KEYS = 16

const TYPE_BYTES = 4
const INT4 = 23
/** PostgreSQL takes its type from what it is compared with, as it does for a literal in quotes. */
const UNKNOWN = 0

const NOTHING: readonly never[] = []
const LENGTH_BYTES = 4
/** An unnamed portal is described and executed; so a simple query's answer comes of it. */
const DESCRIBE_PORTAL = Buffer.from([0x44, 0, 0, 0, 6, 0x50, 0])
const EXECUTE_ALL = Buffer.from([FROM_CLIENT.execute, 0, 0, 0, 9, 0, 0, 0, 0, 0])
/** No formats for results: all as text. */
const TAIL = Buffer.concat([Buffer.from([0, 0]), DESCRIBE_PORTAL, EXECUTE_ALL, SYNC])
const BIND_TAIL_BYTES = 2

const ZERO = 48
const NINE = 57
const QUOTE = 39

/** What PostgreSQL says beside the answer of a simple query. */
const HIDDEN: readonly number[] = [FROM_SERVER.parseComplete, FROM_SERVER.bindComplete]

/**
 * A read whose literals are all keys: each is what a column must equal. Texts that differ in nothing else
 * are one prepared statement, of which PostgreSQL does not parse and plan each anew. A literal of an
 * `integer` is a parameter of that type, and one in quotes is one of no type, which PostgreSQL finds in the
 * same way; elsewhere than in such a comparison a parameter might mean something else than a literal.
 */
interface KeyedShape {
  readonly statement: VirtualStatement
  /** The Bind up to the first value, whose length is still to be said. */
  readonly head: Buffer
}

/** What is known of a shape: how often it must still come before it is prepared, and what it is then. */
interface Known {
  usesLeft: number
  shape: KeyedShape | null | undefined
}

/** One of them, ready for a lane. */
export class KeyedCall implements LaneScript {
  readonly scripted = HIDDEN
  readonly #known: Known
  readonly #shape: KeyedShape
  readonly #bind: Buffer
  #prepares = false

  constructor(known: Known, shape: KeyedShape, bind: Buffer) {
    this.#known = known
    this.#shape = shape
    this.#bind = bind
  }

  encode(prepared: ReadonlySet<VirtualStatement>): {
    parts: Buffer[]
    script: LaneScript
    prepares: readonly VirtualStatement[]
  } {
    const { statement } = this.#shape
    if (prepared.has(statement)) return { parts: [this.#bind], script: this, prepares: NOTHING }
    this.#prepares = true
    const parse = makeParse(statement.name, statement.text, statement.types)
    return { parts: [parse, this.#bind], script: this, prepares: [statement] }
  }

  /** There was an error: the text is to be run as it came, whose error is what the client must hear. */
  failed(): void {
    this.#known.usesLeft = USES_AFTER_FAILURE
  }

  due(): readonly Buffer[] {
    return NOTHING
  }

  isForClient(type: number): boolean {
    return type !== FROM_SERVER.parseComplete && type !== FROM_SERVER.bindComplete
  }

  unprepared(): readonly VirtualStatement[] {
    return this.#prepares ? [this.#shape.statement] : NOTHING
  }

  unparsed(): readonly never[] {
    return NOTHING
  }
}

/** Finds reads by key among the simple queries of all clients of a proxy. */
export class KeyedReads {
  readonly #names: StatementNames
  readonly #known = new WeakMap<StatementRecord['facts'], Known>()

  constructor(names: StatementNames) {
    this.#names = names
  }

  /** Null: it is to be run as it is. It must be one that may share a connection. */
  find(record: StatementRecord, { message, text }: SimpleMessage): KeyedCall | null {
    const { facts } = record
    if (facts.equalities.length === 0) return null
    let known = this.#known.get(facts)
    if (known === undefined) {
      known = { usesLeft: FIRST_USES, shape: undefined }
      this.#known.set(facts, known)
    }
    if (known.usesLeft > 0) {
      known.usesLeft--
      return null
    }
    if (known.shape === undefined) known.shape = this.#read(record)
    const { shape } = known
    // Where all is ASCII, literals are in the message where they are in the text.
    if (shape === null || message.length !== text.length + QUERY_BYTES) return null
    const bind = makeBind(shape.head, message, record.literals)
    return bind === null ? null : new KeyedCall(known, shape, bind)
  }

  #read({ text, facts, literals }: StatementRecord): KeyedShape | null {
    const { command, equalities, maxParameter } = facts
    const count = literals.length
    if (command !== 'SELECT' || maxParameter > 0 || count === 0 || count > MOST_KEYS) return null
    if (!literals.every(({ kind }) => kind === 'integer' || kind === 'string')) return null
    const keys = equalities.flatMap(({ values }) => values)
    const plain = keys.filter(({ negative, type, array }) => !negative && type === null && !array)
    const places = new Set(plain.map(({ index }) => index))
    if (keys.length !== count || places.size !== count) return null
    const prepared = new StatementText(text).withParameters()
    if (prepared === null) return null
    const types = Buffer.alloc(2 + TYPE_BYTES * count)
    types.writeUInt16BE(count, 0)
    literals.forEach(({ kind }, at) => {
      types.writeUInt32BE(kind === 'integer' ? INT4 : UNKNOWN, 2 + TYPE_BYTES * at)
    })
    const statement = this.#names.get(prepared, types)
    return { statement, head: headOf(statement.name, count) }
  }
}

/** Type, length and NUL. */
const QUERY_BYTES = 6

function headOf(name: string, count: number): Buffer {
  const names = Buffer.from(`\0${name}\0`)
  const head = Buffer.alloc(1 + LENGTH_BYTES + names.length + 4)
  head[0] = FROM_CLIENT.bind
  names.copy(head, 1 + LENGTH_BYTES)
  // No formats: all as text.
  head.writeUInt16BE(count, head.length - 2)
  return head
}

/** Bind, Describe, Execute and Sync as one; null where a literal is not plainly what it says. */
function makeBind(head: Buffer, message: Buffer, literals: readonly LiteralSpan[]): Buffer | null {
  let length = head.length + TAIL.length
  for (const { start, end } of literals) length += LENGTH_BYTES + end - start
  const bind = Buffer.allocUnsafe(length)
  let at = head.copy(bind)
  for (const { kind, start, end } of literals) {
    const quotes = kind === 'string' ? 1 : 0
    const first = 5 + start + quotes
    const last = 5 + end - quotes
    bind.writeInt32BE(last - first, at)
    at += LENGTH_BYTES
    for (let from = first; from < last; from++) {
      const code = message[from] as number
      // A quote in quotes is doubled, or ends a part of it; a number may be written in other ways.
      if (quotes === 1 ? code === QUOTE : code < ZERO || code > NINE) return null
      bind[at++] = code
    }
  }
  bind.writeInt32BE(at + BIND_TAIL_BYTES - 1, 1)
  at += TAIL.copy(bind, at)
  return at === length ? bind : bind.subarray(0, at)
}
