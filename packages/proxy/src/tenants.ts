import type { Credentials } from './auth/scram-client.js'
import type { HerdLink } from './herd-link.js'
import type { PoolFacts } from './proxy-facts.js'
import { LoginRefused } from './server/server-connection.js'
import { type Identity, identityKey, type ServerFacts, Tenant, type TenantLimits } from './server/tenant.js'
import { type Arrival, Refusal } from './session/handshake.js'
import { sumPools } from './sum-facts.js'

/** How long it waits at most until it looks again whether a node can be asked. */
const LOOK_AGAIN_MS = 100

/** Whose connections to servers there are. */
export class Tenants {
  readonly #link: HerdLink
  readonly #limits: TenantLimits
  readonly #tenants = new Map<string, Tenant>()

  /** `limits` may be changed in place. */
  constructor(link: HerdLink, limits: TenantLimits) {
    this.#link = link
    this.#limits = limits
  }

  /** Whose connections a client uses. Rejects with LoginRefused or Refusal when no server lets it in. */
  async of({ user, database, settings, credentials }: Arrival): Promise<Tenant> {
    const identity = { user, database, settings }
    const key = identityKey(identity)
    const known = this.#tenants.get(key)
    if (known !== undefined) {
      // The password may have been changed since.
      known.credentials = credentials
      return known
    }
    const tenant = new Tenant(identity, credentials, this.#link, this.#limits)
    await this.#greetServer(tenant)
    const sooner = this.#tenants.get(key)
    if (sooner !== undefined) {
      tenant.close()
      return sooner
    }
    this.#tenants.set(key, tenant)
    return tenant
  }

  /** The same for who has been let in by another group already. */
  join(identity: Identity, credentials: Credentials): Tenant {
    const key = identityKey(identity)
    let tenant = this.#tenants.get(key)
    if (tenant === undefined) {
      tenant = new Tenant(identity, credentials, this.#link, this.#limits)
      this.#tenants.set(key, tenant)
    }
    tenant.credentials = credentials
    return tenant
  }

  /** Tries the login on a server: it knows whether the database is there and what the settings are. */
  async #greetServer(tenant: Tenant): Promise<void> {
    const deadlineMs = performance.now() + this.#link.settings.failoverWaitMs
    for (;;) {
      // A standby may not have heard of a new database or user yet.
      const role = this.#link.view.primary === null ? 'standby' : 'primary'
      const choice = tenant.choose(role, 0, 0)
      if (choice.kind === 'node') {
        try {
          await tenant.try(choice.node)
          return
        } catch (error) {
          if (error instanceof LoginRefused && !error.sqlState.startsWith('57P')) throw error
        }
      }
      if (performance.now() > deadlineMs)
        throw new Refusal({ severity: 'FATAL', code: '57P03', message: this.#link.whyNoPrimary })
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_AGAIN_MS)
        this.#link.waitForChange(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  get servers(): ServerFacts[] {
    return [...this.#tenants.values()].flatMap((tenant) => tenant.servers)
  }

  /** Clients of one user and database may have begun with several sets of settings. */
  get pools(): PoolFacts[] {
    return sumPools(
      [...this.#tenants.values()].flatMap(({ identity: { user, database }, counts }) =>
        counts.map((each) => ({ user, database, ...each })),
      ),
    )
  }

  /** Replaces connections to servers, each as soon as nobody uses it. */
  reconnect(database: string | null): void {
    for (const tenant of this.#tenants.values())
      if (database === null || tenant.identity.database === database) tenant.retire()
  }

  sweep(sinceMs: number): void {
    for (const tenant of this.#tenants.values()) tenant.sweep(sinceMs)
  }

  cutOff(node: string, what: 'lanes' | 'all'): void {
    for (const tenant of this.#tenants.values()) tenant.cutOff(node, what)
  }

  /** It is no node of the herd any more. */
  letGo(node: string): void {
    for (const tenant of this.#tenants.values()) tenant.letGo(node)
  }

  close(): void {
    for (const tenant of this.#tenants.values()) tenant.close()
  }
}
