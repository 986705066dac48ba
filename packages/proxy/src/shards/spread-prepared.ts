import type { StatementRecord } from '@pgherd/client/internal'
import { readArrayText } from '@pgherd/core/routing'
import { StatementText } from '@pgherd/core/sql'
import type { Seat } from '../session/seat.js'
import { executedName, preparedChange } from '../session/sql-prepared.js'
import { notSupported, sqlError } from './report-of.js'
import { TransactionPart } from './transaction-part.js'

/** A statement about tables that are spread, prepared by SQL. */
interface SpreadStatement {
  readonly text: string
  /** Of its parameters. */
  readonly types: readonly string[]
}

const LOOK = 'pgherd_look'
const PREPARE = /^\s*prepare\s+("(?:[^"]|"")+"|[a-z_][\w$]*)/i

/**
 * What one session has prepared by SQL's PREPARE about tables that are spread. Which shard an EXECUTE is for is said by
 * its arguments: it is run as the statement with these in the places of its parameters.
 */
export class SpreadPrepared {
  readonly #statements = new Map<string, SpreadStatement>()
  readonly #isTaken: (name: string) => boolean

  /** `isTaken`: the session has prepared that elsewhere. */
  constructor(isTaken: (name: string) => boolean) {
    this.#isTaken = isTaken
  }

  /** `seat`: of somebody who knows what the statement takes. Rejects with what that says of it. */
  async prepare(record: StatementRecord, seat: Seat): Promise<void> {
    const change = preparedChange(record)
    if (change?.kind !== 'prepare')
      throw notSupported(
        'PREPARE over shards takes one short statement without comments.',
        'Prepare others by the protocol, as drivers do.',
      )
    const { name, statement } = change
    if (this.#statements.has(name) || this.#isTaken(name)) throw taken(name)
    const looked = await new TransactionPart(seat).query(
      `${statement.text.replace(PREPARE, `prepare ${LOOK}`)};
       select parameter_types::text as types from pg_prepared_statements where name = '${LOOK}';
       deallocate ${LOOK}`,
    )
    const [, { rows }] = looked as [unknown, { rows: { types: string }[] }]
    const types = (readArrayText(rows[0]?.types ?? '{}') ?? []) as string[]
    this.#statements.set(name, { text: statement.runs, types })
  }

  /** Of what is prepared elsewhere. Throws where its name is taken here. */
  checkName(record: StatementRecord): void {
    const change = preparedChange(record)
    if (change?.kind === 'prepare' && this.#statements.has(change.name)) throw taken(change.name)
  }

  /** What an EXECUTE runs; null: it is of no statement that is kept here. Throws what refuses it. */
  textOf(record: StatementRecord): string | null {
    const statement = this.#statements.get(nameOfExecute(record) ?? '')
    if (statement === undefined) return null
    if (executedName(record) === null)
      throw notSupported('EXECUTE over shards takes numbers, strings, NULL, true and false.')
    const given = argumentsOf(record)
    const { text, types } = statement
    if (given.length !== types.length)
      throw sqlError('42601', `wrong number of parameters for prepared statement "${nameOfExecute(record)}"`)
    const whole = new StatementText(text)
    return whole
      .pieces(0, whole.shape.length)
      .map((piece) => (typeof piece === 'number' ? `(${given[piece - 1]})::${types[piece - 1]}` : piece))
      .join('')
  }

  /** It takes a statement away that is kept here. */
  isDeallocated(record: StatementRecord): boolean {
    const change = preparedChange(record)
    return change?.kind === 'deallocate' && this.#statements.has(change.name)
  }

  deallocate(record: StatementRecord): void {
    const change = preparedChange(record)
    if (change?.kind === 'deallocate') this.#statements.delete(change.name)
  }

  clear(): void {
    this.#statements.clear()
  }
}

function taken(name: string): Error {
  return sqlError('42P05', `prepared statement "${name}" already exists`)
}

function nameOfExecute({ facts, text }: StatementRecord): string | null {
  if (facts.command !== 'EXECUTE' || facts.statements !== 1) return null
  const name = EXECUTED.exec(text)?.[1] ?? null
  if (name === null) return null
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase()
}

const EXECUTED = /^\s*execute\s+("(?:[^"]|"")+"|[a-z_][\w$]*)/i

/** As they stand there. */
function argumentsOf({ text }: StatementRecord): string[] {
  const whole = new StatementText(text)
  const { shape } = whole
  const from = shape.lastIndexOf('(')
  const to = shape.lastIndexOf(')')
  if (from < 0 || to < from) return []
  let literal = 0
  return shape
    .slice(from + 1, to)
    .split(',')
    .map((argument) => {
      const plain = argument.trim()
      if (plain.startsWith('$'))
        throw notSupported('EXECUTE over shards takes no parameters of the protocol.')
      if (/^(?:null|true|false)$/i.test(plain)) return plain
      return `${plain.startsWith('-') ? '-' : ''}${whole.literal(literal++)}`
    })
}
