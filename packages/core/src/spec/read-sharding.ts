import { DEFAULT_VIRTUAL_NODES } from '../sharding/index.js'
import type { ShardingSpec, TableSpec } from './herd-spec.js'
import type { ParsedSharding } from './sharding-schema.js'

/** Fills in what follows from other fields. Where none can be `home`, the first shard stands in. */
export function readSharding(parsed: ParsedSharding, groupNames: readonly string[]): ShardingSpec {
  const { strategy, groups, home, tables, virtualNodes, loadLimit, keyType, splits, sequences } = parsed
  return {
    strategy,
    groups,
    home: home ?? groupNames.find((name) => !groups.includes(name)) ?? (groups[0] as string),
    tables: Object.fromEntries(
      Object.entries(tables).map(([name, table]) => [withSchema(name), readTable(table)]),
    ),
    virtualNodes: virtualNodes ?? DEFAULT_VIRTUAL_NODES,
    loadLimit: loadLimit ?? null,
    keyType: keyType ?? 'integer',
    splits: splits ?? [],
    sequences,
  }
}

function readTable({ kind, key = [] }: ParsedSharding['tables'][string]): TableSpec {
  return kind === 'reference' ? { kind } : { kind, key: [key].flat() }
}

/** A table's name as it is known from then on. */
export function withSchema(name: string): string {
  return name.includes('.') ? name : `public.${name}`
}
