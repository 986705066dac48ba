import type { ShardMap } from '@pgherd/core/sharding'
import type { ServerAddress } from '../../postgres/index.js'
import { epochOption } from '../placement-objects.js'
import type { PlacedTable } from './describe-tables.js'
import { type Column, type Extension, nameOf, type OwnType } from './description.js'
import { digestOf, operatorClassOf, shardOperators, UNPLACED, writeStretches } from './shard-operators.js'

/** A group as the federation reaches it: its database on whichever of its nodes is primary. */
export interface FederatedGroup {
  readonly name: string
  readonly nodes: readonly ServerAddress[]
}

/**
 * A role that may read the federation, and how it logs in on the shards: by a password that is kept in
 * the federation database, or by what it logged in with itself (PostgreSQL 18; the role must have the
 * same SCRAM verifier on every group).
 */
export interface Reader {
  readonly role: string
  readonly login: 'passthrough' | { readonly password: string }
}

/** All that a federation follows from. */
export interface FederationPlan {
  /** The database of the herd, called the same on each group. */
  readonly database: string
  readonly home: FederatedGroup
  readonly shards: readonly FederatedGroup[]
  readonly map: ShardMap
  /** Groups let in only who comes under the epoch of the map, as those do that have the herd's placement. */
  readonly fenced: boolean
  readonly readers: readonly Reader[]
  readonly tables: readonly PlacedTable[]
  /** Settings of the herd's database, which hold in the federation too. */
  readonly settings: Readonly<Record<string, string>>
}

export type Options = Readonly<Record<string, string>>

export interface Login {
  readonly role: string
  readonly server: string
  readonly options: Options
}

/** How a table of the federation is laid out; `describeLayout` puts it in words. */
export type Layout =
  | { readonly kind: 'foreign'; readonly server: string; readonly placement: keyof typeof PLACES }
  | {
      readonly kind: 'hash'
      readonly key: string
      readonly opclass: string
      readonly servers: readonly string[]
    }
  | { readonly kind: 'list'; readonly key: readonly string[]; readonly servers: readonly string[] }

export interface FederatedTable {
  readonly schema: string
  readonly name: string
  readonly columns: readonly Column[]
  readonly layout: Layout
}

/** A federation as it should be. */
export interface Federation {
  /** What the key's operators are made of; where it is another, all is made anew. */
  readonly operators: { readonly digest: string; readonly statements: readonly string[] }
  readonly stretches: { readonly digest: string; readonly statement: string }
  readonly settings: Options
  readonly readers: readonly string[]
  readonly servers: ReadonlyMap<string, Options>
  readonly logins: readonly Login[]
  readonly extensions: readonly Extension[]
  readonly types: readonly OwnType[]
  readonly tables: readonly FederatedTable[]
}

/** Changes whenever tables are laid out in another way than before, so that old ones are made anew. */
const LAYOUT_VERSION = 1

/** As what the federation is known to the shards. */
export const APPLICATION_NAME = 'pgherd federation'

/** How the comment of each table begins that a sync has made. */
export const LAYOUT_MARK = 'pgherd: '

/** Says what a federation should be. */
export function designFederation(plan: FederationPlan): Federation {
  const { map, readers, tables } = plan
  const groups = new Map([plan.home, ...plan.shards].map((group) => [group.name, group]))
  const statements = shardOperators(map.line)
  const statement = writeStretches(map)
  return {
    operators: { digest: digestOf([LAYOUT_VERSION, statements]), statements },
    stretches: { digest: digestOf(statement), statement },
    settings: { ...plan.settings, ...SETTINGS },
    readers: readers.map(({ role }) => role),
    servers: new Map([...groups].map(([name, group]) => [name, serverOptions(group, plan)])),
    logins: [...groups.keys()].flatMap((server) => readers.map((reader) => loginOf(reader, server))),
    extensions: distinct(tables.flatMap((table) => table.extensions)),
    types: distinct(tables.flatMap((table) => table.types)),
    tables: tables.map((table) => federate(table, plan)),
  }
}

/**
 * Groups of equal keys are on one shard, so each can join and group its own; compiling is never worth it.
 *
 * `enable_partition_pruning`: where one partition is left of a subquery's table, PostgreSQL takes away the Append above
 * it, and with that the note that the subquery's own subqueries depend on rows around it: they are not asked again for
 * the next row, and the answer is wrong (15 to 18; `clean_up_removed_plan_level`, src/backend/optimizer/plan/setrefs.c,
 * which comes after `SS_finalize_plan`). Shards that have no row of a key say so quickly.
 */
const SETTINGS: Options = {
  enable_partition_pruning: 'off',
  enable_partitionwise_join: 'on',
  enable_partitionwise_aggregate: 'on',
  jit: 'off',
}

/**
 * `use_remote_estimate`: a plan costs a question to each shard, and in return PostgreSQL sends joins
 * within a shard to the shard, and looks rows up there by index, which it does not on its own guesses.
 * Nobody has to keep statistics of foreign tables either.
 */
const SERVER_OPTIONS: Options = {
  target_session_attrs: 'read-write',
  application_name: APPLICATION_NAME,
  // A shard whose machine is gone is given up after 5 s; one whose processes hang: cut-off-readers.ts.
  connect_timeout: '5',
  keepalives_idle: '2',
  keepalives_interval: '1',
  keepalives_count: '3',
  tcp_user_timeout: '5000',
  fetch_size: '10000',
  async_capable: 'true',
  parallel_commit: 'true',
  use_remote_estimate: 'true',
  updatable: 'false',
  truncatable: 'false',
}

function serverOptions({ nodes }: FederatedGroup, { database, fenced, map }: FederationPlan): Options {
  return {
    ...(fenced ? { options: epochOption(map.epoch) } : {}),
    host: nodes.map(({ host }) => host).join(','),
    port: nodes.map(({ port }) => port).join(','),
    dbname: database,
    ...SERVER_OPTIONS,
  }
}

function loginOf({ role, login }: Reader, server: string): Login {
  const how: Options =
    login === 'passthrough' ? { use_scram_passthrough: 'true' } : { password: login.password }
  return { role, server, options: { user: role, ...how } }
}

function federate(table: PlacedTable, plan: FederationPlan): FederatedTable {
  const { schema, name, columns } = table
  return { schema, name, columns, layout: layoutOf(table, plan) }
}

function layoutOf({ placement, columns, types }: PlacedTable, { home, map }: FederationPlan): Layout {
  if (placement.kind === 'home') return { kind: 'foreign', server: home.name, placement: 'home' }
  // Always the same shard: a statement then sees one copy, and its connection is there already.
  if (placement.kind === 'reference')
    return { kind: 'foreign', server: map.shards[0] as string, placement: 'reference' }
  const { key } = placement
  const [only, ...more] = map.shards
  // Partitions come in twos at least, for the reason that pruning is off.
  if (only !== undefined && more.length === 0)
    return { kind: 'foreign', server: only, placement: 'only shard' }
  const [first = '', ...others] = key
  const column = columns.find(({ name }) => name === first)
  const opclass = column && operatorClassOf(map.line, baseType(column.type, types))
  return opclass === undefined || others.length > 0
    ? { kind: 'list', key, servers: map.shards }
    : { kind: 'hash', key: first, opclass, servers: map.shards }
}

/** What a domain is a domain of. */
function baseType(type: string, types: readonly OwnType[]): string {
  const domain = types.find((own) => own.kind === 'domain' && nameOf(own) === type.replaceAll('"', ''))
  return domain?.kind === 'domain' ? baseType(domain.base, types) : type
}

/** What is said of a table that is read from one group. */
const PLACES = {
  home: 'on',
  reference: 'complete on every shard, read from',
  'only shard': 'all of it on the only shard,',
} as const

/** What stands as the comment of a table in the federation, for people, and to see whether it is still so. */
export function describeLayout(layout: Layout): string {
  if (layout.kind === 'foreign') return `${LAYOUT_MARK}${PLACES[layout.placement]} ${layout.server}`
  const how =
    layout.kind === 'hash' ? `${layout.key} (${layout.opclass})` : `${layout.key.join(', ')} together`
  return `${LAYOUT_MARK}sharded by ${how} over ${layout.servers.join(', ')}`
}

export function partitionKeyOf(
  layout: Exclude<Layout, { kind: 'foreign' }>,
  quote: (name: string) => string,
): string {
  return layout.kind === 'hash'
    ? `hash (${quote(layout.key)} ${layout.opclass})`
    : `list (${UNPLACED}(${quote(layout.key[0] as string)}))`
}

function distinct<T extends { readonly schema: string; readonly name: string }>(all: readonly T[]): T[] {
  return [...new Map(all.map((one) => [JSON.stringify([one.schema, one.name]), one])).values()]
}
