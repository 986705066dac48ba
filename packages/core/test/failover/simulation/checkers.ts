import type { GroupMemory } from '../../../src/failover/index.js'
import type { SimulatedServer } from './simulated-server.js'
import { type DataDirectory, holds, type WalRecord } from './wal.js'
import type { World } from './world.js'

/** Watches every event for what must never be. The first violation ends the run. */
export class Checkers {
  violation: string | null = null
  lastAcknowledgedAtMs = 0
  acknowledgements = 0
  /** Acknowledged, and neither lost with a person's consent nor under a durability that allows it. */
  #acknowledged: WalRecord[] = []
  /** Not on the announced primary, but possibly on a disk that a person may still want. */
  #astray: WalRecord[] = []
  #writer: SimulatedServer | null = null
  readonly #dethroned = new Set<SimulatedServer>()

  constructor(readonly world: World) {}

  onAcknowledged(server: SimulatedServer, record: WalRecord): void {
    this.acknowledgements++
    const { memory } = this.world.supervisor
    // Who promotes a standby by hand behind the supervisor's back has made a second writer; the
    // supervisor can only end that, or take it as the primary.
    if (server.promotedByHand && !(memory.phase === 'steady' && server.name === memory.primary)) {
      this.#astray.push(record)
      return
    }
    this.lastAcknowledgedAtMs = this.world.nowMs
    this.#acknowledged.push(record)
    if (server !== this.#writer) {
      if (this.#writer !== null) this.#dethroned.add(this.#writer)
      this.#writer = server
    }
    if (this.#dethroned.has(server))
      this.fail('I2', `${server.name} acknowledges a write in epoch ${memory.epoch} after another node did`)
    if (server.name !== memory.primary && server.name !== memory.successor)
      this.fail(
        'I2',
        `${server.name} acknowledges a write, yet it is not the primary of epoch ${memory.epoch}`,
      )
    if (!holds(server.data, record)) this.fail('model', 'acknowledged what is not on disk')
  }

  onRemembered(before: GroupMemory, after: GroupMemory): void {
    const size = this.world.options.settings.nodes.length
    if (after.epoch < before.epoch) this.fail('I10', `the epoch fell from ${before.epoch} to ${after.epoch}`)
    if (after.reigns.length > size + 2) this.fail('I10', `${after.reigns.length} reigns on record`)
    const changing = after.phase === 'promoting' || after.phase === 'switching-over'
    if (changing !== (after.successor !== null))
      this.fail('I10', `${after.phase} with successor ${after.successor}`)
    if (after.phase === 'steady' && after.reigns.at(-1)?.primary !== after.primary)
      this.fail('I10', `the last reign is not that of the primary ${after.primary}`)
    if (after.phase === 'promoting' && after.successor !== null)
      this.#dethroned.delete(this.world.server(after.successor))
    if (after.epoch > before.epoch) this.#onAnnounced(this.world.server(after.primary), after)
  }

  #onAnnounced(primary: SimulatedServer, memory: GroupMemory): void {
    for (const server of this.world.servers) if (server !== primary) this.#dethroned.add(server)
    this.#dethroned.delete(primary)
    this.#writer = primary
    this.#checkDurability(primary, memory)
  }

  #checkDurability(primary: SimulatedServer, memory: GroupMemory): void {
    const missing = this.#acknowledged.filter((record) => !holds(primary.data, record))
    if (missing.length === 0) return
    const allowed = this.world.options.settings.durability === 'fast' || memory.lossAccepted
    if (!allowed)
      this.fail(
        'I1',
        `${missing.length} acknowledged writes are not on ${primary.name}, the primary of epoch ${memory.epoch}`,
      )
    this.#astray.push(...missing)
    this.#acknowledged = this.#acknowledged.filter((record) => holds(primary.data, record))
  }

  /** Called before a copy takes the place of what a node has. */
  onReplaced(target: SimulatedServer, copy: DataDirectory, kept: boolean): void {
    if (kept || target.data === null) return
    const elsewhere = this.world.servers
      .flatMap((server) => [server === target ? copy : server.data, ...server.kept])
      .filter((data) => data !== null)
    const only = [...this.#acknowledged, ...this.#astray].filter(
      (record) => holds(target.data, record) && !elsewhere.some((data) => holds(data, record)),
    )
    if (only.length > 0)
      this.fail(
        'I7',
        `a copy replaces the only place of ${only.length} acknowledged writes on ${target.name}`,
      )
  }

  /** At the end of a run in which the group has healed. */
  checkEnd(): void {
    const { memory } = this.world.supervisor
    this.#checkDurability(this.world.server(memory.primary), memory)
  }

  fail(invariant: string, what: string): void {
    if (this.violation !== null) return
    this.violation = `${invariant}: ${what} (at ${Math.round(this.world.nowMs)} ms)`
    this.world.log(() => `VIOLATION ${this.violation}`)
  }
}
