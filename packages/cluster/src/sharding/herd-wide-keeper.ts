import { HerdError, type NodeStatus } from '@pgherd/core'
import type { HerdSpec, ShardingSpec } from '@pgherd/core/spec'
import pg from 'pg'
import type { ChangeSignal } from '../change-signal.js'
import { withAdminConnection } from '../replication/admin-connection.js'
import { APPLICATION_ROLE } from '../replication/node-settings.js'
import type { Secrets } from '../state/herd-identity.js'
import type { GroupSupervisor } from '../supervisor/group-supervisor.js'
import {
  cutOffReaders,
  type FederatedGroup,
  federationDatabase,
  type Reader,
  syncFederation,
} from './federation/index.js'
import type { PlacementKeeper } from './placement-keeper.js'
import { SCHEMA_CHANNEL } from './placement-objects.js'
import { pruneDecisions } from './prune-decisions.js'
import { type OnPrimary, resolvePrepared } from './resolve-prepared.js'

const STATEMENT_TIMEOUT_MS = 30_000
/** How often it is looked what is left prepared. */
const RESOLVE_EVERY_MS = 5000
/** Whoever prepared it is likely to end it before that. */
const LEFT_AFTER_MS = 10_000
/** Tables may also be changed by those who tell nobody. */
const SYNC_EVERY_MS = 60_000
const AGAIN_MS = 1000
/** How often decisions of transactions over several groups that are over are forgotten, and how old they are. */
const PRUNE_EVERY_MS = 60_000
const PRUNE_AFTER_MS = 10 * 60_000
const STANDBY_PATIENCE_MS = 5000
/** How long reads of the federation wait for a group that has stopped answering: longer than a failover takes. */
const HUNG_PATIENCE_MS = 2000
const SILENT: ReadonlySet<NodeStatus['state']> = new Set(['hung', 'paused'])

export interface HerdWideKeeperParts {
  readonly spec: HerdSpec
  readonly sharding: ShardingSpec
  readonly secrets: Secrets
  readonly groups: readonly GroupSupervisor[]
  readonly changes: ChangeSignal
  readonly placement: PlacementKeeper
  readonly tell: (kind: string, group: string | null, message: string) => void
}

/**
 * Looks after what concerns all groups of a sharded herd: that the federation database has the tables that
 * they have, and that no transaction over several groups stays prepared (I10).
 */
export class HerdWideKeeper {
  readonly #parts: HerdWideKeeperParts
  /** Told of changes of the schema by home's primary; null while there is no connection. */
  #listener: { readonly client: pg.Client; readonly node: string } | null = null
  #syncWanted = true
  #syncedAtMs = 0
  /** Of the map that the federation goes by; those of another epoch are let in nowhere. */
  #syncedEpoch: number | null = null
  #skipped = ''
  #closed = false
  #running: Promise<void> = Promise.resolve()

  constructor(parts: HerdWideKeeperParts) {
    this.#parts = parts
  }

  start(): void {
    const { groups } = this.#parts
    const resolving = groups.map(({ name }) => this.#keepResolved(name))
    this.#running = Promise.all([
      this.#keepFederation(),
      this.#keepPruned(),
      this.#keepReadersFree(),
      ...resolving,
    ]).then(() => {})
  }

  /** What is under way gets `patienceMs` to end. */
  async close(patienceMs: number): Promise<void> {
    this.#closed = true
    this.#parts.changes.fire()
    await Promise.race([this.#running, new Promise((resolve) => setTimeout(resolve, patienceMs).unref())])
    await this.#deafen()
  }

  /** Nodes came or went: the federation is to know how all are reached. */
  groupsChanged(): void {
    this.#syncWanted = true
  }

  async #keepFederation(): Promise<void> {
    const { changes, placement } = this.#parts
    while (!this.#closed) {
      // It is of primaries alone: a standby that catches up for long is none of its business.
      if (!placement.isInForce) {
        await changes.next(AGAIN_MS)
        continue
      }
      try {
        await this.#listen()
        if (this.#isSyncDue) await this.#sync()
      } catch (error) {
        if (this.#closed) return
        this.#syncWanted = true
        this.#say(`The federation database could not be brought into step: ${(error as Error).message}`)
        await this.#deafen()
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
      }
      if (!this.#isSyncDue) await changes.next(AGAIN_MS)
    }
  }

  get #isSyncDue(): boolean {
    return (
      this.#syncWanted ||
      this.#syncedEpoch !== this.#parts.placement.placement?.map.epoch ||
      performance.now() - this.#syncedAtMs > SYNC_EVERY_MS
    )
  }

  /**
   * Whatever else goes on: locks are held by what is prepared, on groups that have nothing to do with one
   * that is down or hangs, and a change of placement waits until nothing is prepared.
   */
  async #keepResolved(group: string): Promise<void> {
    const { changes, placement } = this.#parts
    let resolvedAtMs = 0
    while (!this.#closed) {
      if (placement.placement !== null && performance.now() - resolvedAtMs > RESOLVE_EVERY_MS) {
        resolvedAtMs = performance.now()
        await this.#resolve(group).catch(() => {})
      }
      if (!this.#closed) await changes.next(AGAIN_MS)
    }
  }

  /** What cannot be proven to be over now is looked at again. */
  async #keepPruned(): Promise<void> {
    const { changes, placement } = this.#parts
    let prunedAtMs = performance.now()
    while (!this.#closed) {
      if (placement.isSettled && performance.now() - prunedAtMs > PRUNE_EVERY_MS) {
        prunedAtMs = performance.now()
        await this.#prune().catch(() => {})
      }
      if (!this.#closed) await changes.next(AGAIN_MS)
    }
  }

  #prune(): Promise<number> {
    const standbys = this.#parts.groups.map((group) => {
      const primary = group.primary()?.name
      return [group.name, [...group.nodes.keys()].filter((name) => name !== primary)] as const
    })
    return pruneDecisions(this.#onPrimary, {
      standbys: new Map(standbys),
      olderThanMs: PRUNE_AFTER_MS,
      standbyPatienceMs: STANDBY_PATIENCE_MS,
    })
  }

  /** Whoever reads from a group that does not answer is told so, in place of waiting for as long as that lasts. */
  async #keepReadersFree(): Promise<void> {
    const { changes, groups, placement } = this.#parts
    const silentSince = new Map<string, number>()
    while (!this.#closed) {
      for (const group of groups) {
        if (!isSilent(group)) silentSince.delete(group.name)
        else if (!silentSince.has(group.name)) silentSince.set(group.name, performance.now())
      }
      const hung = [...silentSince].filter(([, since]) => performance.now() - since >= HUNG_PATIENCE_MS)
      if (hung.length > 0 && placement.placement !== null)
        await this.#cutOffReaders(hung.map(([name]) => name)).catch(() => {})
      if (!this.#closed) await changes.next(AGAIN_MS)
    }
  }

  async #cutOffReaders(hung: readonly string[]): Promise<void> {
    const primary = this.#home.primary()
    if (primary === null) return
    const { spec, secrets, tell } = this.#parts
    const ended = await withAdminConnection(
      primary.node.server.address,
      secrets.superuser,
      HUNG_PATIENCE_MS,
      (client) => cutOffReaders(client, hung, HUNG_PATIENCE_MS),
      federationDatabase(spec.database),
    )
    if (ended > 0)
      tell(
        'readers-cut-off',
        null,
        `${ended} ${ended === 1 ? 'read' : 'reads'} over shards ended, since ${hung.join(', ')} does not answer.`,
      )
  }

  /** Once, until it is something else. */
  #say(what: string): void {
    if (this.#skipped === what) return
    this.#skipped = what
    this.#parts.tell('federation', null, what)
  }

  async #listen(): Promise<void> {
    const primary = this.#home.primary()
    if (primary === null) throw new HerdError('NO_PRIMARY', `${this.#home.name} has no primary yet.`)
    if (this.#listener?.node === primary.name) return
    await this.#deafen()
    const client = await this.#connect(primary.node.server.address, this.#parts.spec.database)
    client.on('end', () => {
      if (this.#listener?.client === client) this.#listener = null
    })
    client.on('notification', () => this.#wantSync())
    await client.query(`listen ${SCHEMA_CHANNEL}`)
    this.#listener = { client, node: primary.name }
    this.#syncWanted = true
  }

  async #deafen(): Promise<void> {
    const listener = this.#listener
    this.#listener = null
    await listener?.client.end().catch(() => {})
  }

  #wantSync(): void {
    this.#syncWanted = true
    this.#parts.changes.fire()
  }

  async #sync(): Promise<void> {
    const { spec, sharding, secrets, placement } = this.#parts
    const placed = placement.placement
    const listener = this.#listener?.client
    if (placed === null || listener === undefined) return
    this.#syncWanted = false
    const { rows } = await listener.query<{ asked: string }>('select asked from pgherd.schema_change')
    const readers: Reader[] = [
      { role: 'postgres', login: { password: secrets.superuser } },
      { role: APPLICATION_ROLE, login: { password: secrets.application } },
    ]
    const report = await syncFederation({
      database: spec.database,
      home: this.#federated(sharding.home),
      shards: placed.map.shards.map((name) => this.#federated(name)),
      map: placed.map,
      fenced: true,
      tables: sharding.tables,
      readers,
      connect: (group, database) => {
        const primary = this.#group(group.name).primary()
        if (primary === null) throw new HerdError('NO_PRIMARY', `${group.name} has no primary.`)
        return this.#connect(primary.node.server.address, database)
      },
    })
    await listener.query('update pgherd.schema_change set done = $1 where done < $1', [rows[0]?.asked])
    this.#syncedAtMs = performance.now()
    this.#syncedEpoch = placed.map.epoch
    const existing = report.skipped.filter(({ reason }) => !reason.startsWith('it is not on shard'))
    this.#say(
      existing.length === 0
        ? `The federation database ${report.database} is in step.`
        : `The federation database leaves out ${existing.map(({ table, reason }) => `${table} (${reason})`).join(', ')}.`,
    )
  }

  async #resolve(name: string): Promise<void> {
    const { tell } = this.#parts
    const resolved = await resolvePrepared([name], this.#onPrimary, LEFT_AFTER_MS)
    for (const { group, name, committed } of resolved)
      tell(
        'transaction-resolved',
        group,
        `A transaction over several groups was left prepared on ${group} (${name}); it was ${committed ? 'committed' : 'undone'}, as it had been decided.`,
      )
  }

  readonly #onPrimary: OnPrimary = async (name, work) => {
    const { spec, secrets } = this.#parts
    const primary = this.#group(name).primary()
    if (primary === null) throw new HerdError('NO_PRIMARY', `${name} has no primary.`)
    const { address } = primary.node.server
    return withAdminConnection(address, secrets.superuser, STATEMENT_TIMEOUT_MS, work, spec.database)
  }

  get #home(): GroupSupervisor {
    return this.#group(this.#parts.sharding.home)
  }

  #group(name: string): GroupSupervisor {
    return this.#parts.groups.find((group) => group.name === name) as GroupSupervisor
  }

  #federated(name: string): FederatedGroup {
    const nodes = [...this.#group(name).nodes.values()].map(({ node }) => node.server.address)
    return { name, nodes }
  }

  async #connect({ host, port }: { host: string; port: number }, database: string): Promise<pg.Client> {
    const client = new pg.Client({
      host,
      port,
      user: 'postgres',
      password: this.#parts.secrets.superuser,
      database,
      application_name: 'pgherd supervisor',
      connectionTimeoutMillis: STATEMENT_TIMEOUT_MS,
      query_timeout: STATEMENT_TIMEOUT_MS,
    })
    client.on('error', () => {})
    await client.connect()
    return client
  }
}

function isSilent(group: GroupSupervisor): boolean {
  const primary = group.primary()?.name
  return group.describe().nodes.some(({ name, state }) => name === primary && SILENT.has(state))
}
