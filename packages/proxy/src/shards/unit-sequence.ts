import { setTimeout as sleep } from 'node:timers/promises'
import type { StatementRecord } from '@pgherd/client/internal'
import { commandComplete } from '../protocol/server-messages.js'
import type { Seat } from '../session/seat.js'
import { CopyRunner } from './copy-runner.js'
import { failed } from './herd-transaction.js'
import { isOtherEpoch, mapChanged, pauseMs } from './map-changes.js'
import { ServerError } from './replies.js'
import { isLoss, notSupported, reportOf, sqlError } from './report-of.js'
import { runApart } from './run-apart.js'
import type { SessionParts } from './session-parts.js'
import { answerTo } from './unit-messages.js'
import { UnitRunner } from './unit-runner.js'
import type { Unit } from './units.js'

/** After it something can be tried again, for the so manieth time. */
type Remedy = (tries: number) => Promise<void>

interface Attempt {
  readonly answer: Buffer
  /** Nothing of it took effect, and after this it can be tried once more. */
  readonly again: Remedy | null
}

/** Runs what a batch asks for one after the other, over groups: in the session's transaction, or in one of its own. */
export class UnitSequence {
  readonly #parts: SessionParts
  readonly #runner: UnitRunner
  readonly copying: CopyRunner

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#runner = new UnitRunner(parts)
    this.copying = new CopyRunner(parts)
  }

  /** Resolves with the answer to all of it. `isOver`: nobody waits for it any more. */
  async run(
    units: readonly Unit[],
    used: Set<Seat>,
    deadlineMs: number,
    isOver: () => boolean,
  ): Promise<Buffer> {
    for (let tries = 1; ; tries++) {
      used.clear()
      const { answer, again } = await this.#try(units, used)
      if (again === null || performance.now() > deadlineMs || isOver()) return answer
      try {
        await again(tries)
      } catch (error) {
        return reportOf(error as Error)
      }
    }
  }

  async #try(units: readonly Unit[], used: Set<Seat>): Promise<Attempt> {
    const { transaction, routes, host, prepared } = this.#parts
    const answers: Buffer[] = []
    const wasOpen = transaction.isOpen
    let mayRepeat = !wasOpen
    let isImplicit = false
    let at = 0
    try {
      for (; at < units.length; at++) {
        const unit = units[at] as Unit
        const { record } = unit
        if (record !== null && record.facts.kind === 'transaction') {
          mayRepeat = false
          isImplicit &&= !/^(BEGIN|START)/.test(record.facts.command)
          answers.push(await this.#control(unit, record, used))
          continue
        }
        if (transaction.status === 'E') {
          if (!routes.isLetAfterError(unit)) throw transaction.tellLoss() ?? failed()
          answers.push(await this.#runner.runAfterError(unit, used))
          continue
        }
        if (record !== null && routes.preparesSpread(record)) {
          answers.push(await this.#runner.prepareBySql(unit, record, used))
          continue
        }
        if (record !== null && prepared.isDeallocated(record)) {
          prepared.deallocate(record)
          answers.push(answerTo(unit, commandComplete('DEALLOCATE')))
          continue
        }
        if (record?.facts.command === 'COPY') {
          isImplicit = !transaction.isOpen
          if (isImplicit) transaction.begin()
          const join = (group: string): Promise<Seat> => this.#runner.join(group, used, true)
          const begun = (): void => {
            // What has been copied will not come again.
            mayRepeat = false
          }
          answers.push(await this.copying.run(record, join, begun))
          continue
        }
        const route = routes.routeUnit(unit)
        if (route?.kind === 'each' && route.apart) {
          if (transaction.isOpen)
            throw notSupported(`${record?.facts.command} cannot run inside a transaction here.`)
          mayRepeat = false
          answers.push(await runApart(this.#parts, unit, route.groups, used))
          continue
        }
        if (!transaction.isOpen && route !== null) {
          transaction.begin()
          isImplicit = true
        }
        answers.push(await this.#runner.run(unit, route, used))
      }
      if (isImplicit) await this.#end(true)
      return { answer: Buffer.concat(answers), again: null }
    } catch (failure) {
      const error = (isLoss(failure as Error) ? transaction.tellLoss() : null) ?? (failure as Error)
      const wasJoined = wasOpen && transaction.joined.size > 0
      if (isImplicit) await this.#end(false).catch(() => {})
      else transaction.fail()
      const again = mayRepeat ? this.#whatHelps(error) : null
      const heard = error instanceof ServerError && units[at]?.simple === null ? error.before : NOTHING
      // What nobody is told to be prepared is not: who has sent it will send it again.
      const unheard = units.slice(heard.length > 0 ? at + 1 : at)
      if (again === null) host.forget(unheard.flatMap(({ requests }) => requests))
      const told = wasJoined && isOtherEpoch(error) ? mapChanged() : error
      // One simple statement is answered when it is committed, and not before.
      const before = isImplicit && units[0]?.simple !== null ? [] : answers
      return { answer: Buffer.concat([...before, heard, reportOf(told)]), again }
    }
  }

  /** After which it can be tried again, where nothing of it took effect; null: it would be the same again. */
  #whatHelps(error: Error): Remedy | null {
    const { database } = this.#parts
    if (database.mayLearn(error)) return () => database.learn()
    if (isOtherEpoch(error)) return (tries) => this.moveOn(tries)
    return (error as { code?: string }).code === 'TRANSACTION_LOST' ? (tries) => sleep(pauseMs(tries)) : null
  }

  /** To the map that is in force now; while it is changed there are two. */
  async moveOn(tries: number): Promise<void> {
    await sleep(pauseMs(tries))
    await this.#parts.database.reload()
  }

  async #end(commits: boolean): Promise<void> {
    const { transaction } = this.#parts
    let tag = 'ROLLBACK'
    try {
      tag = await transaction.end(commits)
    } finally {
      this.#forgetOpen(commits)
    }
    // Nobody is to hear of success where nothing took effect.
    if (commits && tag !== 'COMMIT') throw sqlError('40000', 'the transaction has been rolled back')
  }

  #forgetOpen(hasCommitted: boolean): void {
    this.#parts.routes.forget()
    this.#parts.portals.ended(hasCommitted)
  }

  /** A session that kept what no server takes could do nothing any more. */
  async #tryAtHome(used: Set<Seat>): Promise<void> {
    const { seats, transaction } = this.#parts
    used.add(seats.home)
    try {
      await transaction.join(seats.home)
    } catch (error) {
      await transaction.end(false)
      throw error
    }
  }

  async #control(unit: Unit, record: StatementRecord, used: Set<Seat>): Promise<Buffer> {
    const { command, statements } = record.facts
    if (statements > 1)
      throw notSupported('BEGIN, COMMIT and the like go each by themselves to a herd that is sharded.')
    const ends = /^(COMMIT|ROLLBACK)$/.test(command)
    const { transaction } = this.#parts
    let tag = 'ROLLBACK'
    try {
      if (command === 'COMMIT' && transaction.isUntried) await this.#tryAtHome(used)
      tag = await transaction.control(record, record.text)
    } finally {
      if (ends) this.#forgetOpen(tag === 'COMMIT')
    }
    if (command === 'ROLLBACK TO') await this.#parts.routes.wentBack()
    return answerTo(unit, commandComplete(tag))
  }
}

const NOTHING = Buffer.alloc(0)
