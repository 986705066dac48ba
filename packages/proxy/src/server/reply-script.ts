import { CLOSE_COMPLETE, FROM_SERVER, PARSE_COMPLETE } from '../protocol/server-messages.js'
import type { VirtualStatement } from '../session/virtual-statement.js'
import type { LaneScript } from './proxy-lane.js'

/** What a message to a server will bring, in order; and what the client is to hear that no server says. */
export type Step =
  /** ParseComplete, which the client waits for or knows nothing of. */
  | 'parse'
  | 'our parse'
  | 'bind'
  | 'describe'
  | 'execute'
  | 'close'
  /** ParseComplete or CloseComplete for what is done already. */
  | 'say parsed'
  | 'say closed'
  | 'say'
  /** An error that the client hears as another one. */
  | 'refuse'

/** A Parse, by the client's name. */
export interface Parsing {
  readonly clientName: string
  readonly statement: VirtualStatement
}

const NOTHING: readonly Buffer[] = []

/**
 * Keeps the answers to a batch of the extended protocol what the client expects, although statements are
 * prepared under other names, earlier or later than it asked.
 */
export class ReplyScript implements LaneScript {
  readonly scripted = SCRIPTED
  readonly #steps: Step[] = []
  /** By step: what the connection has prepared after it. */
  readonly #prepares = new Map<number, VirtualStatement>()
  /** By step: what the client has prepared after it. */
  readonly #parses = new Map<number, Parsing>()
  /** By step: what is to be said at it. */
  readonly #sayings = new Map<number, Buffer>()
  #at = 0
  /** The step that failed. */
  #failedAt = Number.POSITIVE_INFINITY

  add(step: Step, prepares?: VirtualStatement, parsing?: Parsing): void {
    if (prepares !== undefined) this.#prepares.set(this.#steps.length, prepares)
    if (parsing !== undefined) this.#parses.set(this.#steps.length, parsing)
    this.#steps.push(step)
  }

  /** What the client wanted to prepare, and has not. */
  unparsed(): Parsing[] {
    return [...this.#parses].filter(([at]) => at >= this.#failedAt).map(([, parsing]) => parsing)
  }

  /** What was to be prepared and is not, because something failed before. */
  unprepared(): VirtualStatement[] {
    return [...this.#prepares].filter(([at]) => at >= this.#failedAt).map(([, statement]) => statement)
  }

  /** What is yet to be prepared, on the connection and for the client. */
  get upcoming(): { readonly prepares: VirtualStatement[]; readonly parses: Parsing[] } {
    const isAhead = ([at]: readonly [number, unknown]): boolean => at >= this.#at
    return {
      prepares: [...this.#prepares].filter(isAhead).map(([, statement]) => statement),
      parses: [...this.#parses].filter(isAhead).map(([, parsing]) => parsing),
    }
  }

  /** Has something said that no server says. */
  say(message: Buffer): void {
    this.#sayings.set(this.#steps.length, message)
    this.#steps.push('say')
  }

  /** The server is to fail here, of which the client hears this. */
  refuse(report: Buffer): void {
    this.#sayings.set(this.#steps.length, report)
    this.#steps.push('refuse')
  }

  /** What an error that comes now is to the client; null: what it says. */
  get refusal(): Buffer | null {
    return this.#steps[this.#at] === 'refuse' ? (this.#sayings.get(this.#at) as Buffer) : null
  }

  /** Answers are handed on as they are, and nothing is to be remembered of them: nobody needs a script. */
  get isNeedless(): boolean {
    return this.#steps.every((step) => step === 'bind' || step === 'describe' || step === 'execute')
  }

  /** Up to the Sync the server answers nothing more, whatever is added. */
  get hasFailed(): boolean {
    return this.#failedAt !== Number.POSITIVE_INFINITY
  }

  /** What is to be said before anything else that the server sends. */
  due(): readonly Buffer[] {
    if (this.hasFailed) return NOTHING
    const step = this.#steps[this.#at]
    if (step === undefined || !step.startsWith('say')) return NOTHING
    const said: Buffer[] = []
    for (; ; this.#at++) {
      if (this.#steps[this.#at] === 'say parsed') said.push(PARSE_COMPLETE)
      else if (this.#steps[this.#at] === 'say closed') said.push(CLOSE_COMPLETE)
      else if (this.#steps[this.#at] === 'say') said.push(this.#sayings.get(this.#at) as Buffer)
      else return said
    }
  }

  /** Whether a message of the server is for the client. */
  isForClient(type: number): boolean {
    const step = this.#steps[this.#at]
    switch (type) {
      case FROM_SERVER.error:
        // The rest is skipped up to the Sync.
        this.#failedAt = Math.min(this.#failedAt, this.#at)
        this.#at = this.#steps.length
        return true
      case FROM_SERVER.parseComplete:
        this.#at++
        return step !== 'our parse'
      case FROM_SERVER.bindComplete:
      case FROM_SERVER.closeComplete:
      case FROM_SERVER.commandComplete:
      case FROM_SERVER.emptyQuery:
      case FROM_SERVER.portalSuspended:
        this.#at++
        return true
      case FROM_SERVER.rowDescription:
      case FROM_SERVER.noData:
        if (step === 'describe') this.#at++
        return true
      default:
        return true
    }
  }
}

/** Types of messages that a script must see. */
export const SCRIPTED: readonly number[] = [
  FROM_SERVER.parseComplete,
  FROM_SERVER.bindComplete,
  FROM_SERVER.closeComplete,
  FROM_SERVER.commandComplete,
  FROM_SERVER.emptyQuery,
  FROM_SERVER.portalSuspended,
  FROM_SERVER.rowDescription,
  FROM_SERVER.parameterDescription,
  FROM_SERVER.noData,
]
