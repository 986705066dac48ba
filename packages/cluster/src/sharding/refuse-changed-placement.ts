import { HerdError } from '@pgherd/core'
import type { Line, Placement } from '@pgherd/core/sharding'
import type { ShardingSpec } from '@pgherd/core/spec'
import { placedTables } from './first-placement.js'

/**
 * What the groups know of the placement wins over the spec. How large each shard's part is may have been
 * changed since by moves; what is placed, and by what, not. Throws SPEC_CHANGED with every difference.
 */
export function refuseChangedPlacement(herd: string, spec: ShardingSpec, placed: Placement): void {
  const [wanted, known] = [describe(spec), describePlacement(placed)]
  const differences = Object.keys(wanted).flatMap((field) =>
    wanted[field] === known[field]
      ? []
      : [`sharding.${field} ${known[field]} (the spec now says ${wanted[field]})`],
  )
  if (differences.length === 0) return
  throw placementChanged(`The herd "${herd}" is placed with ${differences.join(', and ')}.`)
}

export function placementChanged(message: string): HerdError {
  return new HerdError('SPEC_CHANGED', `${message} A change of placement is a move, not an edit.`, {
    hint: 'Change the spec back, give the new herd another name, or destroy the old one: pgherd down --destroy',
  })
}

function describe(spec: ShardingSpec): Record<string, string> {
  const line = { 'consistent-hash': 'hash', modulo: 'remainder', range: `key of ${spec.keyType}` }[
    spec.strategy
  ]
  return {
    strategy: line,
    groups: [...spec.groups].sort().join(', '),
    home: spec.home,
    tables: describeTables(placedTables(spec)),
  }
}

function describePlacement({ map, home, tables }: Placement): Record<string, string> {
  return {
    strategy: describeLine(map.line),
    groups: [...map.shards].sort().join(', '),
    home,
    tables: describeTables(tables),
  }
}

function describeLine(line: Line): string {
  return line.kind === 'key' ? `key of ${line.family}` : line.kind
}

export function describeTables(tables: Placement['tables']): string {
  const each = Object.entries(tables).map(([name, { kind, key }]) =>
    kind === 'reference' ? `${name} on every shard` : `${name} by ${key.join(', ')}`,
  )
  return each.length === 0 ? 'none' : each.sort().join('; ')
}
