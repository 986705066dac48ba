import {
  beginStep,
  commitTogether,
  isOfOneSnapshot,
  LOCK_PATIENCE,
  type Participant,
  type SavepointCommand,
  type StatementRecord,
  type Step,
  savepointOf,
  stepsMoved,
  stepsOfChain,
  takesRole,
  withSetting,
} from '@pgherd/client/internal'
import { HerdError } from '@pgherd/core'
import type { TransactionStatus } from '../protocol/server-messages.js'
import type { Seat } from '../session/seat.js'
import { notSupported, sqlError } from './report-of.js'
import { askOn, TransactionPart, withLiterals } from './transaction-part.js'

/** What a transaction over groups asks of the session that it is in. */
export interface TransactionHost {
  readonly home: string
  /** Gets a connection to the primary of its group for this seat alone. */
  take(seat: Seat): Promise<void>
  /** Ends a prepared transaction, now or as soon as that group can. */
  endPrepared(group: string, statement: string): Promise<void>
  /** Tables were changed by what is committed now. */
  schemaChanged(): Promise<void>
}

const CHAIN = /\band\s+chain\b/i

/**
 * A session's transaction over the groups of a herd, and what it has set for later ones. It begins on a
 * group when something goes there, and is committed on all of them or on none.
 */
export class HerdTransaction {
  readonly #host: TransactionHost
  /** What it begins with on another group; null outside of a transaction. */
  #begun: Step[] | null = null
  /** What every connection of the session must have been told. */
  #kept: Step[] = []
  /** Where it has begun. */
  readonly #joined = new Set<Seat>()
  /** Where the session's settings are kept. */
  readonly #pinned = new Set<Seat>()
  /** Those that do not wait for locks for ever, in this transaction. */
  readonly #patient = new Set<Seat>()
  #failed = false
  /** It cannot be gone back in any more. */
  #isPartLost = false
  /** Why a part of it is gone, until its user has been told. */
  #lostWith: Error | null = null
  changedSchema = false
  /** Nobody may break off what it does just now. */
  isCommitting = false

  constructor(host: TransactionHost) {
    this.#host = host
  }

  get status(): TransactionStatus {
    if (this.#begun === null) return 'I'
    return this.#failed ? 'E' : 'T'
  }

  get isOpen(): boolean {
    return this.#begun !== null
  }

  get joined(): ReadonlySet<Seat> {
    return this.#joined
  }

  /** What is set for the session goes with it to every connection. */
  get isPinned(): boolean {
    return this.#kept.length > 0
  }

  /** What it has set for the session nobody has heard yet: it may be what no server takes. */
  get isUntried(): boolean {
    return (
      this.status === 'T' &&
      this.#joined.size === 0 &&
      this.#begun?.some(({ kind }) => kind === 'setting') === true
    )
  }

  get wrote(): boolean {
    return [...this.#joined].some(({ wrote }) => wrote)
  }

  get isOfOneSnapshot(): boolean {
    return isOfOneSnapshot([...this.#kept, ...(this.#begun ?? [])])
  }

  /** What else a connection must hear that is to answer as those of the transaction do; with BEGIN where needed. */
  get surroundings(): readonly string[] {
    const begun = this.#begun ?? []
    const local = begun.filter(({ kind }) => kind === 'setting' || kind === 'local')
    const inside = local.length === 0 ? [] : [begun[0] as Step, ...local]
    return [...this.#kept, ...inside].map(textOf)
  }

  /** What is read by others than those of the transaction is what is committed now. Throws where that will not do. */
  checkFederated(): void {
    if (this.wrote || this.isOfOneSnapshot)
      throw notSupported(
        'A read of several shards sees what is committed: it cannot see what this transaction has written, nor keep to its snapshot.',
      )
  }

  begin(text = 'BEGIN'): void {
    this.#begun ??= [beginStep(text)]
  }

  fail(): void {
    if (this.#begun !== null) this.#failed = true
  }

  /** Its loss was told: what comes next hears that the transaction has failed. Null: nothing was lost. */
  tellLoss(): Error | null {
    const lost = this.#lostWith
    this.#lostWith = null
    return lost === null ? null : transactionLost(lost)
  }

  /**
   * Makes a seat part of it, or tells it what the session has set. `several`: others join at the same time.
   * Rejects with what that server says.
   */
  async join(seat: Seat, several = false): Promise<void> {
    if (this.#begun === null) {
      await this.#pin(seat)
      return
    }
    if (this.#joined.has(seat)) return
    const isSecond = several || this.#joined.size > 0
    if (isSecond && this.isOfOneSnapshot)
      throw notSupported(
        'A transaction over several groups is READ COMMITTED: their snapshots are not of one moment.',
      )
    await this.#pin(seat)
    const begins = [...this.#begun.map(textOf), ...(isSecond ? [LOCK_PATIENCE] : [])]
    try {
      // At once: each by itself would be a round trip. A comment at the end of one must not hide the next.
      await askOn(seat, begins.join('\n;'))
    } catch (error) {
      if (seat.traces.keeps) await askOn(seat, 'ROLLBACK').catch(() => seat.own?.destroy())
      else seat.release()
      throw error
    }
    // It may have been lost right after its last answer.
    if (seat.own === null) throw transactionLost(new Error('the server ended the session'))
    this.#joined.add(seat)
    if (!isSecond) return
    this.#patient.add(seat)
    for (const each of this.#joined) await this.#makePatient(each)
  }

  async #pin(seat: Seat): Promise<void> {
    if (seat.own === null) this.#pinned.delete(seat)
    await this.#host.take(seat)
    if (this.#pinned.has(seat) || this.#kept.length === 0) return
    seat.traces.keeps = true
    try {
      for (const step of this.#kept) await this.#tell(seat, step)
    } catch (error) {
      // Without what was set nothing may run on it.
      seat.traces.keeps = false
      seat.release()
      throw error
    }
    this.#pinned.add(seat)
  }

  /** Nobody sees that two transactions wait for each other on different servers: such a wait ends by itself. */
  async #makePatient(seat: Seat): Promise<void> {
    if (this.#patient.has(seat) || seat.isExchanging) return
    this.#patient.add(seat)
    await askOn(seat, LOCK_PATIENCE)
  }

  async #tell(seat: Seat, step: Step): Promise<void> {
    const { own } = seat
    // What it sets must not be there for whoever has the connection next.
    if (own !== null) own.traced = own.tainted = own.staleStatements = true
    await askOn(seat, textOf(step))
  }

  // ---- what its user says of it

  /** Begins, ends, or goes back in it. Resolves with the tag of the answer. */
  async control({ facts: { command }, shape }: StatementRecord, text: string): Promise<string> {
    switch (command) {
      case 'BEGIN':
      case 'START TRANSACTION':
        if (this.#failed) throw this.tellLoss() ?? failed()
        this.begin(shape)
        return command
      case 'COMMIT':
      case 'ROLLBACK': {
        if (!CHAIN.test(shape)) return this.end(command === 'COMMIT')
        if (this.#begun === null)
          throw sqlError('25P01', `${command} AND CHAIN can only be used in transaction blocks`)
        const chain = stepsOfChain(this.#begun)
        const tag = await this.end(command === 'COMMIT')
        this.#begun = chain
        return tag
      }
      case 'SAVEPOINT':
      case 'RELEASE':
      case 'ROLLBACK TO':
        return this.#moveTo(command, savepointOf(shape), text)
      default:
        throw notSupported(`${command} is what a sharded herd does itself, over all its groups.`)
    }
  }

  async #moveTo(command: SavepointCommand, name: string, text: string): Promise<string> {
    if (this.#begun === null) throw sqlError('25P01', `${command} can only be used in transaction blocks`)
    const lost = this.tellLoss()
    if (lost !== null) throw lost
    if (this.#failed && command !== 'ROLLBACK TO') throw failed()
    const begun = stepsMoved(this.#begun, command, name, { text })
    if (begun === null) throw sqlError('3B001', `savepoint "${name}" does not exist`)
    // What was lost since cannot be gone back to.
    if (command === 'ROLLBACK TO' && this.#isPartLost) throw failed()
    await allDone([...this.#joined].map((seat) => askOn(seat, text)))
    this.#begun = begun
    if (command !== 'ROLLBACK TO') return command
    this.#failed = false
    // Their patience may have been of what was gone back from.
    this.#patient.clear()
    if (this.#joined.size > 1) for (const seat of this.#joined) await this.#makePatient(seat)
    return 'ROLLBACK'
  }

  /** Holds on every group, also on those that are not part of it yet; those that are have been told. */
  async set(step: Step, except: Seat | null): Promise<void> {
    const seats = this.#begun === null ? this.#pinned : this.#joined
    for (const seat of seats) if (seat !== except && seat.own !== null) await this.#tell(seat, step)
    if (this.#begun !== null) this.#begun.push(step)
    else if (step.kind === 'setting') this.#keep(step, [...this.#pinned])
  }

  /** `told`: where it is so already; all others are told all anew. */
  #keep(step: Step, told: readonly Seat[]): void {
    this.#kept = withSetting(this.#kept, step)
    for (const seat of this.#pinned) if (!told.includes(seat)) this.#pinned.delete(seat)
  }

  /** Nothing is set any more, once this is so where it was. */
  discard(): void {
    this.#kept = []
    this.#pinned.clear()
  }

  /** Has its user's next statements run with what is set. */
  notePinned(seat: Seat): void {
    this.#pinned.add(seat)
  }

  /** Ends it on every group. Resolves with the tag of the answer. */
  async end(commits: boolean): Promise<string> {
    const begun = this.#begun
    const hasFailed = this.#failed
    const lost = this.tellLoss()
    const seats = [...this.#joined]
    const changedSchema = this.changedSchema
    this.#begun = null
    this.#failed = this.#isPartLost = this.changedSchema = false
    this.#joined.clear()
    this.#patient.clear()
    if (begun === null) return commits ? 'COMMIT' : 'ROLLBACK'
    this.isCommitting = true
    try {
      // Nobody has told its user yet that nothing of it will stay.
      if (commits && lost !== null) throw lost
      if (!commits || hasFailed) {
        await rollBack(seats)
        return 'ROLLBACK'
      }
      await this.#commit(seats, takesRole([...this.#kept, ...begun]))
      for (const step of begun) if (step.kind === 'setting') this.#keep(step, seats)
      if (changedSchema) await this.#host.schemaChanged()
      return 'COMMIT'
    } catch (error) {
      await rollBack(seats)
      throw error
    } finally {
      this.isCommitting = false
      for (const seat of seats) this.#leave(seat)
    }
  }

  #leave(seat: Seat): void {
    if (seat.own === null) return
    if (seat.ended()) seat.place.book.changed()
    if (this.#kept.length > 0) {
      seat.traces.keeps = true
      this.#pinned.add(seat)
    }
    if (!seat.traces.keeps) seat.release()
  }

  async #commit(seats: readonly Seat[], inRole: boolean): Promise<void> {
    const writers = seats.filter(({ wrote }) => wrote)
    const readers = seats.filter((seat) => !writers.includes(seat))
    await allDone(readers.map((seat) => askOn(seat, 'COMMIT')))
    const [only] = writers
    if (only !== undefined && writers.length === 1) {
      await commitAlone(only)
      return
    }
    if (only === undefined) return
    // Home decides where it has a part: what cannot be prepared (NOTIFY, temporary tables) is there.
    const isHome = ({ place: { group } }: Seat): boolean => group === this.#host.home
    const parts = writers
      .sort((a, b) => Number(isHome(b)) - Number(isHome(a)))
      .map((seat): Participant => ({ group: seat.place.group, client: new TransactionPart(seat), inRole }))
    try {
      await commitTogether(parts as [Participant, ...Participant[]], (group, statement) =>
        this.#host.endPrepared(group, statement),
      )
    } catch (error) {
      // I4: whoever looks whether it took effect must see it if it did.
      if (error instanceof HerdError && error.code === 'OUTCOME_UNKNOWN')
        for (const { writes } of writers) writes.noteWrite(false)
      throw error
    }
    for (const seat of writers) if (seat.own === null) seat.writes.noteWrite(false)
  }

  /** The connection of a seat is gone; true: a part of the transaction with it. */
  lost(seat: Seat, error: Error): boolean {
    this.#pinned.delete(seat)
    this.#patient.delete(seat)
    if (!this.#joined.delete(seat)) return false
    this.#failed = this.#isPartLost = true
    this.#lostWith ??= error
    return true
  }
}

/** Resolves when all have; rejects when all have ended, with what failed first. */
async function allDone(works: readonly Promise<unknown>[]): Promise<void> {
  for (const each of await Promise.allSettled(works)) if (each.status === 'rejected') throw each.reason
}

async function commitAlone(seat: Seat): Promise<void> {
  let tag: unknown
  try {
    tag = ((await new TransactionPart(seat).query('COMMIT')) as { command: string }).command
  } catch (error) {
    if (seat.own !== null) throw error
    seat.writes.noteWrite(false)
    throw new HerdError(
      'OUTCOME_UNKNOWN',
      `The connection to the server was lost during COMMIT (${(error as Error).message}); it may or may not have taken effect.`,
      { hint: 'Look whether it did before you run it again.', cause: error as Error },
    )
  }
  if (tag !== 'COMMIT') throw transactionLost(new Error('the server had undone it'))
}

async function rollBack(seats: readonly Seat[]): Promise<void> {
  await Promise.allSettled(seats.filter(({ own }) => own !== null).map((seat) => askOn(seat, 'ROLLBACK')))
}

export function failed(): Error {
  return sqlError('25P02', 'current transaction is aborted, commands ignored until end of transaction block')
}

function transactionLost(cause: Error): HerdError {
  return new HerdError(
    'TRANSACTION_LOST',
    `The transaction was rolled back: the connection to a server was lost (${cause.message}).`,
    { hint: 'Run it again.', cause },
  )
}

/** With its values in it, so that it can be said again. */
function textOf({ config: { text, values } }: Step): string {
  return values === undefined ? text : withLiterals(text, values)
}
