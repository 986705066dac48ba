/**
 * A statement as clients prepare it: its text and the types of its parameters. Servers know it under one
 * name for all clients, wherever it has been prepared already.
 */
export interface VirtualStatement {
  readonly text: string
  readonly types: Buffer
  /** On servers. */
  readonly name: string
  /** How often it was parsed; what comes again is worth a name. */
  uses: number
}

export const PREFIX = 'pgherd_'
/** Of one generation; two are kept. What is forgotten gets another name the next time. */
const GENERATION = 5000

/** Gives equal statements one name. */
export class StatementNames {
  #young = new Map<string, VirtualStatement>()
  #old = new Map<string, VirtualStatement>()
  #count = 0

  get(text: string, types: Buffer): VirtualStatement {
    const key = types.length === 2 ? text : `${types.toString('latin1')}\0${text}`
    const known = this.#young.get(key)
    if (known !== undefined) return known
    const statement = this.#old.get(key) ?? {
      text,
      types: Buffer.from(types),
      name: `${PREFIX}${++this.#count}`,
      uses: 0,
    }
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, statement)
    return statement
  }
}

export const OUR_NAMES = new RegExp(`${PREFIX}\\d+`, 'g')

export function mentionsOurName(report: Buffer): boolean {
  return report.includes(PREFIX, 5, 'latin1')
}
