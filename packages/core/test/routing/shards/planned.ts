import {
  type Calls,
  type KeyReading,
  type KeyValues,
  LiteralValues,
  planShards,
  prepareShards,
  type ShardedTable,
  ShardedTables,
  type ShardPlan,
} from '../../../src/routing/index.js'
import { type KeyReader, type KeyType, rangeMap, type ShardMap } from '../../../src/sharding/index.js'
import { readFacts, StatementReader, type ValueRef } from '../../../src/sql/index.js'

/** Keys below 10 are on shard 0, those below 20 on shard 1, all others on shard 2. */
export const BY_TENS = rangeMap('integer', ['a', 'b', 'c'], [10n, 20n])

export const TABLES = new ShardedTables([
  sharded('orders', ['id', 'customer_id', 'total', 'note'], { customer_id: 'int4' }),
  sharded('items', ['customer_id', 'order_id', 'price'], { customer_id: 'int8' }),
  sharded('customers', ['id', 'name'], { id: 'int4' }),
  sharded('tiny', ['k', 'v'], { k: 'int2' }),
  { ...sharded('events', ['customer_id', 'what'], { customer_id: 'int4' }), schema: 'log' },
  { ...sharded('twice', ['id'], { id: 'int4' }), schema: 'one' },
  { ...sharded('twice', ['id'], { id: 'int4' }), schema: 'other' },
  reference('countries', ['code', 'name', 'added'], ['added']),
  reference('colours', ['code', 'name'], []),
])

export function sharded(
  name: string,
  columns: readonly string[],
  key: Readonly<Record<string, KeyType>>,
): ShardedTable {
  const columnsOfKey = Object.entries(key).map(([column, type]) => ({ column, type }))
  return { schema: 'public', name, kind: 'sharded', key: columnsOfKey, columns, varying: [] }
}

function reference(name: string, columns: readonly string[], varying: readonly string[]): ShardedTable {
  return { schema: 'public', name, kind: 'reference', key: [], columns, varying }
}

export interface Setting {
  readonly tables?: ShardedTables
  readonly map?: ShardMap
  readonly calls?: Calls
  readonly parameters?: readonly unknown[]
}

const READER = new StatementReader()

export function planOf(text: string, setting: Setting = {}): ShardPlan {
  const { tables = TABLES, map = BY_TENS, calls = 'immutable', parameters = [] } = setting
  const { literals } = READER.factsOf(text)
  const values = new LiteralValues(text, literals, new Parameters(parameters))
  return planShards(prepareShards(readFacts(text), tables, calls), values, map)
}

/** A plan in a few characters. */
export function show(plan: ShardPlan): string {
  switch (plan.kind) {
    case 'home':
    case 'any':
      return plan.kind
    case 'one':
      return `one ${plan.shard}`
    case 'split':
      return `split ${plan.parts.map(({ shard, rows }) => `${shard}:${rows.join(',')}`).join(' ')}`
    case 'read all':
      return `read ${plan.shards.join('')}${plan.home ? ' and home' : ''}${plan.colocated ? ' beside' : ''}`
    case 'write all':
      return `write ${plan.shards.join('')}${plan.copies ? ' copies' : ''}`
    case 'refused':
      return plan.code
  }
}

/** Parameters as JavaScript values. */
class Parameters implements KeyValues {
  readonly #values: readonly unknown[]

  constructor(values: readonly unknown[]) {
    this.#values = values
  }

  read(ref: ValueRef, type: KeyType, into: KeyReader): KeyReading {
    return readValue(this.#values[ref.index - 1], type, into)
  }

  countElements(ref: ValueRef): number | null {
    const value = this.#values[ref.index - 1]
    if (value === null) return 0
    return Array.isArray(value) ? value.length : null
  }

  readElement(ref: ValueRef, index: number, type: KeyType, into: KeyReader): KeyReading {
    return readValue((this.#values[ref.index - 1] as unknown[])[index], type, into)
  }
}

function readValue(value: unknown, type: KeyType, into: KeyReader): KeyReading {
  if (value === null) return 'null'
  if (typeof value === 'number' && !Number.isInteger(value)) return 'unknown'
  if (typeof value !== 'number' && typeof value !== 'string') return 'unknown'
  try {
    into.read(type, value)
    return 'value'
  } catch {
    return 'unknown'
  }
}
