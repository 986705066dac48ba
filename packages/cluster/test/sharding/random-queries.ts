import type { Random } from '../../../../test/random.js'

/** A query, and whether the order of its rows is fixed. */
export interface RandomQuery {
  readonly text: string
  readonly ordered: boolean
}

type Kind = 'number' | 'text' | 'time'

interface Field {
  readonly sql: string
  readonly kind: Kind
}

/** Something to select from, and columns that together tell its rows apart. */
interface Source {
  readonly sql: string
  readonly fields: readonly Field[]
  readonly unique: readonly string[]
}

const TABLES: Readonly<
  Record<string, { columns: Readonly<Record<string, Kind>>; unique: readonly string[] }>
> = {
  users: {
    columns: { id: 'number', name: 'text', region: 'text', score: 'number', born: 'time' },
    unique: ['id'],
  },
  orders: {
    columns: { id: 'number', user_id: 'number', product_id: 'number', amount: 'number', note: 'text' },
    unique: ['id'],
  },
  badges: {
    columns: { user_id: 'number', badge: 'text', rank: 'number' },
    unique: ['user_id', 'badge', 'rank'],
  },
  products: { columns: { id: 'number', title: 'text', price: 'number' }, unique: ['id'] },
  notes: { columns: { id: 'number', user_id: 'number', body: 'text' }, unique: ['id'] },
}

/** What joins to what: by key, across shards, with reference tables and with home's. */
const JOINS: readonly (readonly [string, string, string])[] = [
  ['users', 'orders', 'l.id = r.user_id'],
  ['orders', 'users', 'l.user_id = r.id'],
  ['users', 'badges', 'l.id = r.user_id'],
  ['orders', 'badges', 'l.user_id = r.user_id'],
  ['users', 'users', 'l.score = r.id'],
  ['users', 'orders', 'l.id = r.id'],
  ['orders', 'orders', 'l.id = r.user_id'],
  ['orders', 'products', 'l.product_id = r.id'],
  ['products', 'orders', 'l.id = r.product_id'],
  ['users', 'products', 'l.score = r.id'],
  ['users', 'notes', 'l.id = r.user_id'],
  ['notes', 'orders', 'l.user_id = r.user_id'],
  ['notes', 'users', 'l.body = r.name'],
  ['badges', 'products', 'l.badge = r.title'],
]

export class QueryMaker {
  readonly #chance: Random
  #aliases = 0

  constructor(chance: Random) {
    this.#chance = chance
  }

  next(): RandomQuery {
    this.#aliases = 0
    const forms = [
      () => this.#rows(),
      () => this.#rows(),
      () => this.#aggregate(),
      () => this.#aggregate(),
      () => this.#windows(),
      () => this.#setOperation(),
      () => this.#groupingSets(),
      () => this.#distinctOn(),
      () => this.#lateral(),
      () => this.#nested(),
    ]
    return this.#chance.pick(forms)()
  }

  #alias(): string {
    return `t${this.#aliases++}`
  }

  #table(name = this.#chance.pick(Object.keys(TABLES))): Source {
    const { columns, unique } = TABLES[name] as (typeof TABLES)[string]
    const alias = this.#alias()
    return {
      sql: `${name} ${alias}`,
      fields: Object.entries(columns).map(([column, kind]) => ({ sql: `${alias}.${column}`, kind })),
      unique: unique.map((column) => `${alias}.${column}`),
    }
  }

  #joined(): Source {
    const [leftName, rightName, on] = this.#chance.pick(JOINS)
    const [left, right] = [this.#table(leftName), this.#table(rightName)]
    const aliasOf = (source: Source) => source.sql.split(' ')[1] as string
    const condition = on.replace(/\bl\./g, `${aliasOf(left)}.`).replace(/\br\./g, `${aliasOf(right)}.`)
    const kind = this.#chance.pick(['join', 'join', 'left join', 'right join', 'full join'])
    const extra =
      kind !== 'full join' && this.#chance.chance(0.2) ? ` and ${this.#condition(right.fields)}` : ''
    const first: Source = {
      sql: `${left.sql} ${kind} ${right.sql} on ${condition}${extra}`,
      fields: [...left.fields, ...right.fields],
      unique: [...left.unique, ...right.unique],
    }
    if (!this.#chance.chance(0.2)) return first
    const third = this.#table('products')
    const number = this.#field(left.fields, 'number')
    return {
      sql: `${first.sql} left join ${third.sql} on ${aliasOf(third)}.id = ${number.sql}`,
      fields: [...first.fields, ...third.fields],
      unique: [...first.unique, ...third.unique],
    }
  }

  #source(): Source {
    return this.#chance.chance(0.45) ? this.#table() : this.#joined()
  }

  #field(fields: readonly Field[], kind?: Kind): Field {
    const fitting = fields.filter((field) => kind === undefined || field.kind === kind)
    return this.#chance.pick(fitting.length > 0 ? fitting : fields)
  }

  #condition(fields: readonly Field[], depth = 0): string {
    const chance = this.#chance
    const { sql, kind } = this.#field(fields)
    if (chance.chance(0.1)) return `${sql} is ${chance.pick(['', 'not '])}null`
    if (depth === 0 && chance.chance(0.15))
      return `(${this.#condition(fields, 1)} ${chance.pick(['or', 'and'])} not ${this.#condition(fields, 1)})`
    if (kind === 'number') return this.#numberCondition(sql, fields)
    if (kind === 'text') return this.#textCondition(sql)
    return chance.pick([
      () => `${sql} < '20${chance.between(10, 24)}-0${chance.between(1, 9)}-01'`,
      () => `extract(year from ${sql}) ${chance.pick(['=', '>', '<'])} 20${chance.between(10, 24)}`,
      () => `date_trunc('month', ${sql}) >= '20${chance.between(10, 24)}-03-01'`,
      () => `${sql}::date = '2015-01-0${chance.between(1, 9)}'`,
    ])()
  }

  #numberCondition(sql: string, fields: readonly Field[]): string {
    const chance = this.#chance
    const number = () =>
      chance.pick([chance.between(0, 30), chance.between(0, 900), chance.between(-5, 3000)])
    const other = this.#field(fields, 'number').sql
    return chance.pick([
      () => `${sql} = ${number()}`,
      () => `${sql} ${chance.pick(['<', '>', '<=', '>=', '<>'])} ${number()}`,
      () => `${sql} between ${number()} and ${number() + 300}`,
      () => `${sql} in (${number()}, ${number()}, ${number()}, null)`,
      () => `${sql} = any (array[${number()}, ${number()}, ${number()}])`,
      () => `${sql} is distinct from ${other}`,
      () => `${sql} < ${other}`,
      () => `${sql}::bigint % 7 = ${chance.between(0, 6)}`,
      () => `coalesce(${sql}, 5) < ${number()}`,
    ])()
  }

  #textCondition(sql: string): string {
    const chance = this.#chance
    const text = () =>
      chance.pick(['a', 'Z', 'é', 'ä', 'north', 'South', 'u1', 'n2', '_', '-b', ' ', 'gold', 'Ω'])
    return chance.pick([
      () => `${sql} = '${text()}'`,
      () => `${sql} ${chance.pick(['<', '>', '<=', '>='])} '${text()}'`,
      () => `${sql} like '%${text()}%'`,
      () => `${sql} ilike '${text()}%'`,
      () => `upper(${sql}) > '${text()}'`,
      () => `length(${sql}) ${chance.pick(['<', '>'])} ${chance.between(1, 6)}`,
      () => `${sql} ~ '[${chance.pick(['a-f', 'A-M', '0-4'])}]'`,
      () => `${sql} in ('${text()}', '${text()}')`,
      () => `${sql} collate "C" < '${text()}'`,
    ])()
  }

  /** Conditions with queries in them. */
  #subquery(fields: readonly Field[]): string {
    const chance = this.#chance
    const inner = this.#table()
    const mine = this.#field(fields, 'number').sql
    const theirs = this.#field(inner.fields, 'number').sql
    const where = this.#condition(inner.fields)
    return chance.pick([
      () => `${mine} in (select ${theirs} from ${inner.sql} where ${where})`,
      () => `${mine} not in (select ${theirs} from ${inner.sql} where ${theirs} is not null and ${where})`,
      () => `${mine} not in (select ${theirs} from ${inner.sql} where ${where})`,
      () => `exists (select from ${inner.sql} where ${theirs} = ${mine} and ${where})`,
      () => `not exists (select from ${inner.sql} where ${theirs} = ${mine} and ${where})`,
      () => `${mine} > (select avg(${theirs}) from ${inner.sql} where ${where})`,
      () => `${mine} >= all (select ${theirs} from ${inner.sql} where ${theirs} < 20)`,
      () => `(select count(*) from ${inner.sql} where ${theirs} = ${mine}) > ${chance.between(0, 3)}`,
    ])()
  }

  #where(fields: readonly Field[]): string {
    const chance = this.#chance
    const parts: string[] = []
    if (chance.chance(0.7)) parts.push(this.#condition(fields))
    if (chance.chance(0.3)) parts.push(this.#condition(fields))
    if (chance.chance(0.25)) parts.push(this.#subquery(fields))
    return parts.length === 0 ? '' : ` where ${parts.join(chance.pick([' and ', ' and ', ' or ']))}`
  }

  #some(fields: readonly Field[], most: number): Field[] {
    return Array.from({ length: this.#chance.between(1, most) }, () => this.#field(fields))
  }

  /** In an order that leaves nothing open, since what tells rows apart ends it. */
  #order(fields: readonly Field[], unique: readonly string[]): string {
    const first = this.#some(fields, 2).map(({ sql }) => sql)
    const keys = [...first, ...unique].map(
      (sql) => `${sql}${this.#chance.pick(['', ' desc', ' nulls first', ' desc nulls last'])}`,
    )
    return ` order by ${keys.join(', ')}`
  }

  #limit(): string {
    const chance = this.#chance
    if (!chance.chance(0.7)) return ''
    return ` limit ${chance.between(0, 40)}${chance.chance(0.4) ? ` offset ${chance.between(0, 30)}` : ''}`
  }

  #rows(): RandomQuery {
    const { sql, fields, unique } = this.#source()
    const select = this.#some(fields, 4).map((field) => this.#expression(field))
    const distinct = this.#chance.chance(0.15) ? 'distinct ' : ''
    const text = `select ${distinct}${select.join(', ')} from ${sql}${this.#where(fields)}`
    if (distinct !== '' || this.#chance.chance(0.4)) return { text, ordered: false }
    return { text: `${text}${this.#order(fields, unique)}${this.#limit()}`, ordered: true }
  }

  #expression({ sql, kind }: Field): string {
    const chance = this.#chance
    if (chance.chance(0.6)) return sql
    if (kind === 'number')
      return chance.pick([
        `${sql} + 1`,
        `coalesce(${sql}, -1)`,
        `case when ${sql} > 9 then 'big' end`,
        `-${sql}`,
      ])
    if (kind === 'text')
      return chance.pick([`upper(${sql})`, `${sql} || '!'`, `coalesce(${sql}, '?')`, `md5(${sql})`])
    return chance.pick([`${sql}::date`, `to_char(${sql}, 'YYYY-MM-DD HH24')`, `date_trunc('year', ${sql})`])
  }

  #aggregateOf({ fields, unique }: Source): string {
    const chance = this.#chance
    const number = this.#field(fields, 'number').sql
    const any = this.#field(fields).sql
    const text = this.#field(fields, 'text').sql
    return chance.pick([
      'count(*)',
      `count(${any})`,
      `count(distinct ${any})`,
      `sum(${number})`,
      `avg(${number})`,
      `min(${any})`,
      `max(${any})`,
      `stddev(${number})`,
      `var_pop(${number})`,
      `sum(distinct ${number})`,
      `string_agg(${text}::text, ',' order by ${text}, ${unique.join(', ')})`,
      `array_agg(${any} order by ${unique.join(', ')})`,
      `count(*) filter (where ${this.#condition(fields)})`,
      `percentile_disc(0.5) within group (order by ${number})`,
      `bool_or(${number} > 100)`,
    ])
  }

  #aggregates(source: Source): string {
    return Array.from({ length: this.#chance.between(1, 3) }, () => this.#aggregateOf(source)).join(', ')
  }

  #aggregate(): RandomQuery {
    const source = this.#source()
    const { sql, fields } = source
    const where = this.#where(fields)
    if (this.#chance.chance(0.3))
      return { text: `select ${this.#aggregates(source)} from ${sql}${where}`, ordered: false }
    const groups = [...new Set(this.#some(fields, 2).map((field) => field.sql))]
    const having = this.#chance.chance(0.3) ? ` having count(*) > ${this.#chance.between(0, 3)}` : ''
    const text = `select ${groups.join(', ')}, ${this.#aggregates(source)} from ${sql}${where} group by ${groups.join(', ')}${having}`
    if (this.#chance.chance(0.5)) return { text, ordered: false }
    return { text: `${text} order by ${groups.join(', ')}${this.#limit()}`, ordered: true }
  }

  #groupingSets(): RandomQuery {
    const source = this.#source()
    const [a, b] = [this.#field(source.fields).sql, this.#field(source.fields).sql]
    const sets = this.#chance.pick([
      `rollup (${a}, ${b})`,
      `cube (${a}, ${b})`,
      `grouping sets ((${a}), (${b}), ())`,
      `grouping sets ((${a}, ${b}), (${a}))`,
    ])
    const text = `select ${a}, ${b}, grouping(${a}), ${this.#aggregates(source)} from ${source.sql}${this.#where(source.fields)} group by ${sets}`
    return { text, ordered: false }
  }

  #windows(): RandomQuery {
    const { sql, fields, unique } = this.#source()
    const chance = this.#chance
    const number = this.#field(fields, 'number').sql
    const by = chance.chance(0.7) ? `partition by ${this.#field(fields).sql} ` : ''
    const order = this.#order(fields, unique).slice(1)
    const call = chance.pick([
      'row_number()',
      'rank()',
      'dense_rank()',
      'ntile(4)',
      `lag(${number}, 2)`,
      `lead(${number})`,
      `first_value(${number})`,
      `sum(${number})`,
      `avg(${number})`,
      'count(*)',
    ])
    const frame =
      /^(sum|avg|first)/.test(call) && chance.chance(0.5) ? ' rows between 2 preceding and 1 following' : ''
    const window = `${call} over (${by}${order}${frame})`
    const inner = `select ${unique.join(', ')}, ${window} as w from ${sql}${this.#where(fields)}`
    if (chance.chance(0.6)) return { text: inner, ordered: false }
    return {
      text: `select count(*), sum(w::numeric) from (${inner.replace(unique.join(', '), '1')}) x`,
      ordered: false,
    }
  }

  #setOperation(): RandomQuery {
    const kind = this.#chance.pick<Kind>(['number', 'text'])
    const part = () => {
      const { sql, fields } = this.#source()
      const cast = kind === 'number' ? '::numeric' : '::text'
      return `select ${this.#field(fields, kind).sql}${cast} as v from ${sql}${this.#where(fields)}`
    }
    const operator = () => this.#chance.pick(['union', 'union all', 'intersect', 'except', 'except all'])
    const text = `(${part()}) ${operator()} (${part()})`
    const whole = this.#chance.chance(0.3) ? `(${text}) ${operator()} (${part()})` : text
    // Equal values look alike, so their order among each other does not show.
    if (this.#chance.chance(0.5)) return { text: whole, ordered: false }
    return {
      text: `select v from (${whole}) s order by v${kind === 'number' ? '' : ' desc'}${this.#limit()}`,
      ordered: kind === 'text',
    }
  }

  #distinctOn(): RandomQuery {
    const { sql, fields, unique } = this.#source()
    const on = this.#field(fields).sql
    const select = this.#some(fields, 2).map((field) => field.sql)
    const text = `select distinct on (${on}) ${on}, ${select.join(', ')} from ${sql}${this.#where(fields)} order by ${on}, ${unique.join(', ')}`
    return { text, ordered: true }
  }

  #lateral(): RandomQuery {
    const outer = this.#table(this.#chance.pick(['users', 'products', 'notes']))
    const inner = this.#table(this.#chance.pick(['orders', 'badges', 'users', 'notes']))
    const mine = this.#field(outer.fields, 'number').sql
    const theirs = this.#field(inner.fields, 'number').sql
    const shown = this.#field(inner.fields).sql
    const limit = this.#chance.between(1, 3)
    const lateral = `select ${shown} as v from ${inner.sql} where ${theirs} = ${mine}${this.#order(inner.fields, inner.unique)} limit ${limit}`
    const text = `select ${outer.unique[0]}, l.v from ${outer.sql} ${this.#chance.pick(['cross join lateral', 'left join lateral'])} (${lateral}) l`
    const on = text.includes('left join lateral') ? ' on true' : ''
    return { text: `${text}${on} where ${outer.unique[0]} < ${this.#chance.between(1, 120)}`, ordered: false }
  }

  /** Queries over what other queries give: common table expressions, used once or twice, and subqueries in FROM. */
  #nested(): RandomQuery {
    const source = this.#source()
    const key = this.#field(source.fields, 'number').sql
    const grouped = `select ${key} as k, count(*) as n, ${this.#aggregateOf(source)} as a from ${source.sql}${this.#where(source.fields)} group by 1`
    const table = this.#table()
    const mine = this.#field(table.fields, 'number').sql
    const where = this.#where(table.fields)
    const materialized = this.#chance.pick(['', 'materialized ', 'not materialized '])
    return this.#chance.pick<() => RandomQuery>([
      () => ({
        text: `with g as ${materialized}(${grouped}) select ${table.unique[0]}, g.n, g.a from ${table.sql} join g on g.k = ${mine}${where}`,
        ordered: false,
      }),
      () => ({
        text: `with g as ${materialized}(${grouped}) select x.k, x.n + y.n from g x join g y on x.k = y.k + 1`,
        ordered: false,
      }),
      () => ({
        text: `select ${table.unique[0]}, g.a, (select max(n) from (${grouped}) m where m.k < 50) from ${table.sql} left join (${grouped}) g on g.k = ${mine}${where}`,
        ordered: false,
      }),
      () => ({
        text: `with recursive r (n, k) as (select 0, min(${mine})::numeric from ${table.sql}${where} union all select n + 1, k + (select count(*) from ${source.sql} where ${key} = n) from r where n < 4) select * from r`,
        ordered: true,
      }),
    ])()
  }
}
