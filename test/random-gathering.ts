import type { Random } from './random.js'

const WAYS = ['', '', ' desc', ' nulls first', ' desc nulls last', ' asc nulls last'] as const
const COLUMNS = ['k', 'n', 't'] as const
const KEYS = ['a.k', 'a.n', 'a.t', 'a.n % 2', 'a.k + 1'] as const
const CALLS = [
  'count(*)',
  'count(a.n)',
  'sum(a.n)',
  'sum(a.k)',
  'min(a.t)',
  'max(a.n)',
  'avg(a.n)',
  'avg(a.k) filter (where a.n > 2)',
  'bool_and(a.n > 1)',
  'bool_or(a.k > 5)',
  'sum(abs(a.n))',
  'count(distinct a.n)',
  'count(distinct a.t)',
  'sum(distinct a.n)',
  'avg(distinct a.n)',
] as const
const COMPUTED = [
  'upper(a.t)',
  'a.n is null',
  '-a.n',
  'abs(a.k - 5) % 3',
  'length(a.t)',
  "a.t || 'x, y'",
] as const
/** A question mark is a whole number, which may be a parameter. */
const CONDITIONS = [
  'count(*) > ?',
  'min(a.n) < ? or max(a.k) > ?',
  'not avg(a.n) between 1 and 3',
  'count(distinct a.t) in (1, ?)',
  'sum(a.n) is null',
  "(bool_or(a.n > 2) and min(a.t) = 'x')",
] as const

/** Writes reads over all keys, of rows in an order that leaves nothing open, or of groups. */
export class RandomGathering {
  readonly #chance: Random
  readonly #tables: { readonly spread: readonly string[]; readonly reference: string }
  readonly #addParameter: (value: unknown) => string

  /** `addParameter`: gives a value its number. */
  constructor(
    chance: Random,
    tables: { readonly spread: readonly string[]; readonly reference: string },
    addParameter: (value: unknown) => string,
  ) {
    this.#chance = chance
    this.#tables = tables
    this.#addParameter = addParameter
  }

  write(): string {
    const kind = this.#chance.next()
    if (kind < 0.4) return this.#rows()
    return kind < 0.5 ? this.#distinct() : this.#groups()
  }

  #rows(): string {
    const { from, aliases } = this.#from()
    const columns = aliases.flatMap((alias) => COLUMNS.map((column) => `${alias}.${column}`))
    const shown = this.#some(columns, 0.5)
    if (shown.length === 0) shown.push(this.#chance.pick(['*', 'a.*', 'a.k', 'a.n + 1 as x']))
    if (this.#chance.chance(0.2)) shown.push(this.#chance.pick(COMPUTED))
    const [first] = shown
    const computed = this.#chance.chance(0.3) ? [this.#chance.pick(COMPUTED)] : []
    const sorts = [...computed, ...this.#shuffled(columns)].map((column) => {
      const isSecond = column === first && this.#chance.chance(0.3)
      return `${isSecond ? '1' : column}${this.#chance.pick(WAYS)}`
    })
    return `select ${shown.join(', ')} from ${from}${this.#where()} order by ${sorts.join(', ')}${this.#count(12)}`
  }

  #distinct(): string {
    const { from } = this.#from()
    const shown = this.#some(KEYS, 0.4)
    if (shown.length === 0) shown.push('a.n')
    return `select distinct ${shown.join(', ')} from ${from}${this.#where()}${this.#places(shown)}${this.#count(4)}`
  }

  #groups(): string {
    const { from } = this.#from()
    const keys = this.#some(KEYS, 0.25)
    const calls = this.#some(CALLS, 0.2)
    // Keys that are not plain columns are found only among what is selected.
    const shown = [...keys.filter((key) => key.includes(' ') || this.#chance.chance(0.8)), ...calls]
    if (shown.length === 0) shown.push('count(*)')
    const grouped = this.#shuffled(keys).map((key) =>
      shown.includes(key) && this.#chance.chance(0.2) ? String(shown.indexOf(key) + 1) : key,
    )
    const group = grouped.length === 0 ? '' : ` group by ${grouped.join(', ')}`
    const having = this.#chance.chance(0.3) ? ` having ${this.#condition()}` : ''
    const order = this.#places(shown, [...CALLS, ...keys])
    return `select ${shown.join(', ')} from ${from}${this.#where()}${group}${having}${order}${this.#count(4)}`
  }

  /** Rows of one shard come together with each other only. */
  #from(): { from: string; aliases: string[] } {
    const pick = <T>(from: readonly T[]): T => this.#chance.pick(from)
    const next = this.#chance.next()
    if (next < 0.6) return { from: `${pick(this.#tables.spread)} a`, aliases: ['a'] }
    const join = pick(['join', 'left join'])
    const [other, on] = pick([
      [pick(this.#tables.spread), 'a.k = b.k'],
      [this.#tables.reference, 'a.n = b.n'],
    ] as const)
    return { from: `${pick(this.#tables.spread)} a ${join} ${other} b on ${on}`, aliases: ['a', 'b'] }
  }

  #where(): string {
    const chance = this.#chance
    if (chance.chance(0.4)) return ''
    const condition = chance.pick([
      `a.k > ${chance.between(0, 9)}`,
      'a.n > ?',
      `a.t = '${chance.pick(['x', 'y', 'new'])}'`,
      'a.n is null',
      `a.k in (${chance.between(1, 9)}, ${chance.between(1, 9)}, ${chance.between(1, 9)})`,
      'a.n <> a.k',
    ])
    return ` where ${this.#fill(condition)}`
  }

  #condition(): string {
    return this.#fill(this.#chance.pick(CONDITIONS))
  }

  #fill(text: string): string {
    return text.replace(/\?/g, () => this.#number(5))
  }

  #number(most: number): string {
    const number = this.#chance.between(0, most)
    if (this.#chance.chance(0.6)) return String(number)
    return this.#addParameter(this.#chance.chance(0.5) ? number : String(number))
  }

  /** All that is shown, so that rows that change places are the same. */
  #places(shown: readonly string[], others: readonly string[] = []): string {
    const places = this.#shuffled(shown.map((_, at) => String(at + 1)))
    if (others.length > 0 && this.#chance.chance(0.3)) places.unshift(this.#chance.pick(others))
    return ` order by ${places.map((place) => `${place}${this.#chance.pick(WAYS)}`).join(', ')}`
  }

  #count(most: number): string {
    const limit = this.#chance.pick([null, 'null', ...Array.from({ length: 8 }, () => '?')])
    const offset = this.#chance.chance(0.3) ? ` offset ${this.#number(this.#chance.pick([2, most, 99]))}` : ''
    if (limit === null || this.#chance.chance(0.4)) return offset
    return ` limit ${limit === '?' ? this.#number(most) : limit}${offset}`
  }

  #some<T>(from: readonly T[], probability: number): T[] {
    return from.filter(() => this.#chance.chance(probability))
  }

  #shuffled<T>(all: readonly T[]): T[] {
    return all
      .map((each) => [this.#chance.next(), each] as const)
      .sort(([one], [other]) => one - other)
      .map(([, each]) => each)
  }
}
