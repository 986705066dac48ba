import { firstPlacement } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import { type Placement, type ShardMap, sharesOf } from '@pgherd/core/sharding'
import pc from 'picocolors'
import { sortedTables } from '../shards/placed-herd.js'
import { alignColumns } from '../view/columns.js'
import { type LocationOptions, locateHerd, locateSpec } from './herd-location.js'
import { askPlacedHerd } from './placed-herd.js'

export interface MapFlags extends LocationOptions {
  json?: boolean
}

/** What of the map one group has. */
interface GroupPart {
  readonly name: string
  readonly shard: boolean
  readonly home: boolean
  /** A fraction of the line; null where positions have no lengths, and for a group that is no shard. */
  readonly share: number | null
  readonly stretches: number
}

/** Prints the map in force, or that which a spec begins with. Throws NOT_SUPPORTED, HERD_NOT_RUNNING, SPEC_INVALID. */
export async function runShardMap(file: string | undefined, flags: MapFlags): Promise<void> {
  const placement =
    file === undefined
      ? (await askPlacedHerd(await locateHerd(flags))).placement
      : await placementOfSpec(file, flags)
  const groups = partsOf(placement)
  const { map, home, tables } = placement
  if (flags.json)
    console.log(
      JSON.stringify({
        epoch: map.epoch,
        line: map.line,
        home,
        stretches: map.owners.length,
        groups,
        tables,
      }),
    )
  else console.log(render(placement, groups))
}

async function placementOfSpec(file: string, flags: MapFlags): Promise<Placement> {
  const { spec } = await locateSpec(file, flags)
  if (spec.sharding === undefined)
    throw new HerdError('NOT_SUPPORTED', `Nothing is sharded by the spec ${file}.`, {
      hint: 'Add "sharding" to it; see docs/sharding.md.',
    })
  return firstPlacement(
    spec.sharding,
    spec.groups.map(({ name }) => ({ name, nodes: [] })),
  )
}

function partsOf({ map, groups, home }: Placement): GroupPart[] {
  const shares = hasLengths(map) ? sharesOf(map) : null
  return groups.map(({ name }) => {
    const index = map.shards.indexOf(name)
    return {
      name,
      shard: index >= 0,
      home: name === home,
      share: index < 0 ? null : (shares?.[index] ?? null),
      stretches: map.owners.filter((owner) => owner === index).length,
    }
  })
}

/** On a line of keys a length says nothing of how many keys there are. */
function hasLengths({ line }: ShardMap): boolean {
  return line.kind !== 'key'
}

function render(placement: Placement, groups: readonly GroupPart[]): string {
  const { map } = placement
  const head = ['GROUP', 'HOLDS', 'SHARE', 'STRETCHES'].map((name) => pc.dim(name))
  const rows = groups.map((part) => [
    part.name,
    [...(part.shard ? ['shard'] : []), ...(part.home ? ['home'] : [])].join(', '),
    part.share === null ? '' : `${(100 * part.share).toFixed(1)} %`,
    part.shard ? part.stretches.toLocaleString('en-US') : '',
  ])
  const placed = sortedTables(placement).map(([name, { kind, key }]) => [
    name,
    kind === 'reference' ? 'on every shard' : `by ${key.join(', ')}`,
  ])
  return [
    pc.bold(`Shard map of epoch ${map.epoch}, ${LINES[map.line.kind]}`),
    alignColumns([head, ...rows], [2, 3]),
    placed.length === 0
      ? pc.dim('No table is named: all are in the home group.')
      : alignColumns([['TABLE', 'PLACED'].map((name) => pc.dim(name)), ...placed]),
  ].join('\n\n')
}

const LINES = {
  hash: 'over hashes of keys',
  remainder: 'over remainders of hashes',
  key: 'over ranges of keys',
} as const
