import type { Herd } from '@pgherd/cluster'
import { connectAdmin } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import type pg from 'pg'
import {
  type AdministeredServer,
  askServer,
  failedOn,
  nothingSharded,
  type PlacedHerd,
} from '../shards/placed-herd.js'

/** So long a question about the herd may take. */
const TIMEOUT_MS = 30_000

/** Asks primaries of a herd what changes nothing, as its superuser. */
export class HerdAsker {
  readonly #herd: Herd

  constructor(herd: Herd) {
    this.#herd = herd
  }

  /** Null where nothing is sharded. Throws HERD_NOT_RUNNING before the groups know the placement. */
  get placed(): PlacedHerd | null {
    const { spec } = this.#herd
    if (spec.sharding === undefined) return null
    const placement = this.#herd.placement()
    if (placement === null)
      throw new HerdError('HERD_NOT_RUNNING', 'The herd has no placement yet; it is still coming up.')
    return {
      placement,
      database: spec.database,
      ask: (group, text, values) => this.ask(group, text, values),
      connect: async (group, database) => {
        const server = this.#primaryOf(group)
        return connectAdmin(server, server.password, TIMEOUT_MS, database).catch(failedOn(server))
      },
    }
  }

  /** Throws NOT_SUPPORTED where nothing is sharded, HERD_NOT_RUNNING. */
  get requirePlaced(): PlacedHerd {
    const { placed } = this
    if (placed === null) throw nothingSharded(this.#herd.name)
    return placed
  }

  /** Throws HERD_NOT_RUNNING, SQL_FAILED. */
  ask<Row extends pg.QueryResultRow>(group: string, text: string, values: unknown[] = []): Promise<Row[]> {
    const server = this.#primaryOf(group)
    const { password } = server
    const { database } = this.#herd.spec
    return askServer<Row>(server, { password, database, timeoutMs: TIMEOUT_MS }, text, values)
  }

  #primaryOf(group: string): AdministeredServer & { readonly password: string } {
    const primary = this.#herd.primaryOf(group)
    if (primary !== null) return { name: primary.name, ...this.#herd.administratorOf(primary.name) }
    throw new HerdError('HERD_NOT_RUNNING', `${group} has no primary to ask just now.`, {
      hint: 'See "pgherd status".',
    })
  }
}
