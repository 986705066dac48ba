import type { StatementRecord } from '@pgherd/client/internal'
import { changesCatalogue } from '../database-book.js'
import type { OwnServer } from '../server/own-server.js'
import { isPlainDdl, opensReadOnly, outlivesCleaning } from './statement-traits.js'

const OTHER_ISOLATION = /isolation|deferrable/i

const SETS: ReadonlySet<string> = new Set(['SET', 'RESET'])

/** What a client has done on the connection that it has to itself, as far as that outlives its statements. */
export class SessionTraces {
  /** Since the last transaction ended. */
  wrote = false
  #mayDeferFlush = false
  #changedCatalogue = false
  /** The same, and others see it too. */
  changedForOthers = false
  /** A setting was changed, by which texts may mean something else, or their constants be others. */
  #changedMeaning = false
  /** The session holds what the client may count on: settings, temporary tables, locks, … */
  keeps = false
  /** Texts that may have left traces, as far as was known when they were run. */
  readonly #suspects = new Set<string>()
  /** Something was run that nobody here could read. */
  #unread = false
  /** How its transaction on a standby began, while that has only read. */
  #beganThere: string | null = null

  /** `defersFlush`: a commit is acknowledged before it is on disk. */
  note(server: OwnServer, records: readonly StatementRecord[], defersFlush: boolean): void {
    for (const record of records) {
      const { facts, nature, judgement, text } = record
      if (nature.leavesTraces) {
        server.traced = true
        server.tainted ||= outlivesCleaning(record)
        if (!isPlainDdl(record)) {
          this.keeps = true
          this.#suspects.add(text)
        }
      }
      if (SETS.has(facts.command) || judgement.traces.includes('settings'))
        server.staleStatements = this.#changedMeaning = true
      const changes = changesCatalogue(record)
      this.#changedCatalogue ||= changes
      this.changedForOthers ||= changes && !facts.traces.includes('temp')
      // A standby writes nothing, whatever it is asked.
      this.wrote ||= nature.writes && !server.connection.isStandby
      this.#mayDeferFlush ||= nature.mayDeferFlush || defersFlush
    }
  }

  /** Something is run that nobody here can read. */
  noteUnread(server: OwnServer): void {
    server.traced = server.tainted = server.staleStatements = this.keeps = this.wrote = this.#unread = true
  }

  /** A function is called by its number, with whatever that does: its connection is not used again. */
  noteFunctionCall(server: OwnServer): void {
    server.traced = server.tainted = server.staleStatements = this.wrote = this.#unread = true
  }

  noteBeginning(server: OwnServer, records: readonly StatementRecord[], isIdle: boolean): void {
    if (!server.connection.isStandby) return
    const [record] = records
    if (isIdle)
      this.#beganThere =
        record !== undefined && opensReadOnly(records) && !OTHER_ISOLATION.test(record.shape)
          ? record.text
          : null
    else if (!records.every(({ facts, nature }) => facts.kind === 'read' && !nature.leavesTraces))
      this.#beganThere = null
  }

  /** With which text its transaction can begin anew elsewhere; null: it cannot. */
  get beganThere(): string | null {
    return this.#beganThere
  }

  movedOn(): void {
    this.#beganThere = null
  }

  /** A transaction has ended: what it was, for those who must know. */
  ended(server: OwnServer): { wrote: boolean; flushed: boolean; changedCatalogue: boolean } {
    const done = {
      wrote: this.wrote,
      flushed: !this.#mayDeferFlush && !server.traced,
      changedCatalogue: this.#changedCatalogue,
    }
    // It may have been for the transaction alone.
    server.staleStatements ||= this.#changedMeaning
    this.wrote = this.#mayDeferFlush = this.#changedCatalogue = this.#changedMeaning = false
    this.changedForOthers = false
    return done
  }

  /** What was made in a transaction was not known to be harmless when it was used there. */
  areHarmless(look: (text: string) => StatementRecord): boolean {
    return !this.#unread && ![...this.#suspects].some((text) => look(text).nature.leavesTraces)
  }

  /** The connection is given back or gone. */
  clear(): void {
    this.keeps = this.wrote = this.#mayDeferFlush = this.#unread = false
    this.#suspects.clear()
  }
}
