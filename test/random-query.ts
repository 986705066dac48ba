import { Random } from './random.js'
import { RandomGathering } from './random-gathering.js'

/** The tables of the queries, which all have the columns k, n and t; k is the shard key where there is one. */
export const SPREAD = ['orders', 'items'] as const
export const REFERENCE = 'tags'

const KEYS = 9
const ALIASES = ['a', 'b', 'c', 'orders', 'items', 'tags'] as const
const COLUMNS = ['k', 'n', 't'] as const
const JOINS = ['join', 'join', 'join', 'left join', 'left join', 'right join', 'full join'] as const

export interface RandomQuery {
  readonly text: string
  readonly parameters: readonly unknown[]
  /** Its rows have one order only. */
  readonly ordered: boolean
}

/** Where something is written: what can be named there. */
interface Scope {
  readonly aliases: readonly string[]
  readonly outer: readonly string[]
  readonly ctes: readonly string[]
  readonly depth: number
}

/** Writes statements over tables that are spread, from one stream of chance. */
export class RandomQueries extends Random {
  #parameters: unknown[] = []
  /** Most conditions of a statement are about one key. */
  #key = 1

  select(): RandomQuery {
    return this.#statement(() => this.#query({ aliases: [], outer: [], ctes: [], depth: 0 }))
  }

  /** A read of rows of all shards, in an order that leaves nothing open. */
  gathering(): RandomQuery {
    const query = this.#statement(() =>
      new RandomGathering(
        this,
        { spread: SPREAD, reference: REFERENCE },
        (value) => `$${this.#parameters.push(value)}`,
      ).write(),
    )
    return { ...query, ordered: true }
  }

  change(): RandomQuery {
    return this.#statement(() => {
      const kind = this.next()
      if (kind < 0.35) return this.#insert()
      return kind < 0.7 ? this.#update() : this.#delete()
    })
  }

  #statement(write: () => string): RandomQuery {
    this.#parameters = []
    this.#key = this.between(1, KEYS)
    const text = write()
    return { text, parameters: this.#parameters, ordered: false }
  }

  #insert(): string {
    const table = this.pick(SPREAD)
    if (this.chance(0.4)) {
      const scope: Scope = { aliases: [], outer: [], ctes: [], depth: 1 }
      const { from, aliases } = this.#from(scope)
      const inside = { ...scope, aliases }
      const key = this.chance(0.5) ? `${this.pick(aliases)}.k` : this.#value()
      return `insert into ${table} (n, k, t) select null::int, ${key}, 'x' from ${from} where ${this.#conditions(inside)}`
    }
    const rows = Array.from(
      { length: this.between(1, 4) },
      () => `(${this.#insertedKey()}, ${this.between(1, 99)}, 'new')`,
    )
    const conflict = this.pick(['', '', ' on conflict do nothing'])
    return `insert into ${table} values ${rows.join(', ')}${conflict}`
  }

  #update(): string {
    const [alias, other] = this.chance(0.5) ? ['orders', 'b'] : ['a', 'items']
    const target = `${this.pick(SPREAD)} ${alias}`
    const from = this.chance(0.4) ? ` from ${this.pick([...SPREAD, REFERENCE])} ${other}` : ''
    const scope: Scope = { aliases: from === '' ? [alias] : [alias, other], outer: [], ctes: [], depth: 1 }
    const set = this.pick(['n = 7', "t = 'set'", `n = ${alias}.n + 1`])
    return `update ${target} set ${set}${from} where ${this.#conditions(scope)}`
  }

  #delete(): string {
    const using = this.chance(0.3) ? ` using ${this.pick([...SPREAD, REFERENCE])} b` : ''
    const scope: Scope = { aliases: using === '' ? ['a'] : ['a', 'b'], outer: [], ctes: [], depth: 1 }
    return `delete from ${this.pick(SPREAD)} a${using} where ${this.#conditions(scope)}`
  }

  /** A query of three columns. */
  #query(scope: Scope): string {
    if (scope.depth > 2) return this.#plainSelect(scope)
    const kind = this.next()
    if (kind < 0.12) {
      const operator = this.pick(['union', 'union all', 'except', 'intersect all'])
      const deeper = { ...scope, depth: scope.depth + 1 }
      return `(${this.#query(deeper)}) ${operator} (${this.#query(deeper)})`
    }
    if (kind < 0.24) {
      const name = this.pick(['x', 'x', 'orders', 'tags'])
      const deeper = { ...scope, depth: scope.depth + 1 }
      const materialized = this.pick(['', '', 'materialized '])
      return `with ${name} as ${materialized}(${this.#query(deeper)}) ${this.#plainSelect({ ...scope, ctes: [...scope.ctes, name] })}`
    }
    return this.#plainSelect(scope)
  }

  #plainSelect(scope: Scope): string {
    const { from, aliases } = this.#from(scope)
    const inside = { ...scope, aliases }
    const where = ` where ${this.#conditions(inside)}`
    const one = this.pick(aliases)
    const kind = this.next()
    if (kind < 0.12) return `select count(*)::int k, max(${one}.n) n, min(${one}.t) t from ${from}${where}`
    if (kind < 0.22)
      return `select ${one}.k, count(*)::int n, max(${one}.t) t from ${from}${where} group by ${one}.k`
    if (kind < 0.28)
      return `select distinct ${one}.k, ${one}.n, ${one}.t from ${from}${where} order by 1, 2, 3 limit 5`
    const second =
      this.chance(0.15) && scope.depth < 2
        ? `(select count(*)::int from ${this.#single({ ...scope, outer: aliases })}) n`
        : `${this.pick(aliases)}.n`
    return `select ${one}.k, ${second}, ${this.pick(aliases)}.t from ${from}${where}`
  }

  #from(scope: Scope): { from: string; aliases: string[] } {
    const aliases = this.#shuffled().slice(0, this.pick([1, 1, 2, 2, 3]))
    let from = this.#item(aliases[0] as string, scope, [])
    for (const [index, alias] of aliases.slice(1).entries()) {
      const before = aliases.slice(0, index + 1)
      const item = this.#item(alias, scope, before)
      if (this.chance(0.25)) from = `${from}, ${item}`
      else if (this.chance(0.2)) from = `${from} ${this.pick(JOINS)} ${item} using (k)`
      else {
        const on = this.#conditions({ ...scope, aliases: [...before, alias], depth: scope.depth + 1 })
        from = `${from} ${this.pick(JOINS)} ${item} on ${on}`
      }
    }
    return { from, aliases }
  }

  #item(alias: string, scope: Scope, before: readonly string[]): string {
    if (scope.depth < 2 && this.chance(0.12))
      return `(${this.#query({ ...scope, depth: scope.depth + 1 })}) ${alias}`
    if (scope.depth < 2 && before.length > 0 && this.chance(0.06))
      return `lateral (select k, n, t from ${this.#single({ ...scope, outer: before })}) ${alias}`
    const table = this.pick([...SPREAD, ...SPREAD, REFERENCE, ...scope.ctes])
    if (this.chance(0.04)) return `${table} ${alias} (n, k, t)`
    if (this.chance(0.06)) return `(${table} u join ${this.pick(SPREAD)} v using (k, n, t)) ${alias}`
    return `${table} ${alias}`
  }

  /** One table with what it has to do with those around it. */
  #single(scope: Scope): string {
    const alias = this.pick(['s', 's', 'orders'])
    const inside = { ...scope, aliases: [alias], depth: scope.depth + 1 }
    const around = `${alias}.k = ${this.pick(scope.outer)}.k`
    const conditions = this.#conditions(inside)
    return `${this.pick([...SPREAD, REFERENCE])} ${alias} where ${this.chance(0.7) ? `${around} and ${conditions}` : conditions}`
  }

  #conditions(scope: Scope): string {
    const count = this.between(1, 3)
    const pins = scope.aliases.filter(() => this.chance(0.35)).map((alias) => `${alias}.k = ${this.#value()}`)
    const others = Array.from({ length: count }, () => this.#condition(scope))
    return [...pins, ...others].join(' and ')
  }

  #condition(scope: Scope): string {
    const one = this.pick(scope.aliases)
    const other = this.pick(scope.aliases)
    const kind = this.between(0, 19)
    if (kind < 5) return `${one}.k = ${other}.k`
    if (kind < 7) return `${one}.k = ${this.#value()}`
    if (kind === 7) return `${one}.k in (${this.#value()}, ${this.#value()})`
    if (kind === 8) return `${one}.k = any(${this.#array()})`
    if (kind === 9) return `${one}.${this.pick(COLUMNS.slice(0, 2))} = ${other}.n`
    if (kind === 10) return `${one}.n = ${this.between(1, 5)}`
    if (kind === 11) return `${one}.n is ${this.pick(['', 'not '])}null`
    if (kind === 12) return `(${one}.k = ${this.#value()} or ${this.#condition(scope)})`
    if (kind === 13) return `not (${this.#condition(scope)})`
    if (kind === 14) return `k = ${this.#value()}`
    if (kind === 15 && scope.outer.length > 0) return `${one}.k = ${this.pick(scope.outer)}.k`
    if (kind === 16) return `(${one}.k, ${other}.n) = (${this.#value()}, ${this.between(1, 5)})`
    if (kind < 19 && scope.depth < 2) return this.#subquery(scope, one)
    return `${one}.k > ${this.between(0, 4)}`
  }

  #subquery(scope: Scope, one: string): string {
    const deeper = { ...scope, outer: this.chance(0.5) ? [...scope.aliases, ...scope.outer] : scope.aliases }
    if (this.chance(0.6)) return `${this.pick(['', 'not '])}exists (select from ${this.#single(deeper)})`
    return `${one}.k ${this.pick(['in', 'not in'])} (select k from ${this.#single(deeper)})`
  }

  /** A key as it may be written; now and then one that is no key, or none that is there. */
  #value(): string {
    const kind = this.next()
    const key = this.chance(0.85) ? this.#key : this.between(1, KEYS)
    if (kind < 0.5) return String(key)
    if (kind < 0.6) return `'${key}'`
    if (kind < 0.65) return `'${key}'::bigint`
    if (kind < 0.68) return `${key}.0`
    if (kind < 0.7) return '99999999999'
    this.#parameters.push(this.chance(0.05) ? null : key)
    return `$${this.#parameters.length}::int`
  }

  #insertedKey(): string {
    return this.chance(0.2) ? this.#value() : String(this.chance(0.6) ? this.#key : this.between(1, KEYS))
  }

  #array(): string {
    const keys = Array.from({ length: this.between(0, 2) }, () =>
      this.chance(0.7) ? this.#key : this.between(1, KEYS),
    )
    if (this.chance(0.5)) return `'{${keys.join(', ')}}'`
    this.#parameters.push(keys)
    return `$${this.#parameters.length}::int[]`
  }

  #shuffled(): string[] {
    return ALIASES.map((alias) => [this.next(), alias] as const)
      .sort(([one], [other]) => one - other)
      .map(([, alias]) => alias)
  }
}
