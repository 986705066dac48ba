import type { SimulatedServer } from './simulated-server.js'
import type { World } from './world.js'

const GIVES_UP_AFTER_MS = 3000

/** Writes to whichever node lets it, one write after another, and remembers what was acknowledged. */
export class SimulatedClient {
  acknowledgedAtMs = 0
  #session: { server: SimulatedServer; incarnation: number } | null = null
  #attempt = 0

  constructor(
    readonly name: string,
    readonly world: World,
    /** Stays with the server it has and tries that one first, like a pool that nobody told anything. */
    readonly stubborn: boolean,
  ) {
    this.#soon()
  }

  #soon(): void {
    this.world.after(this.world.random.between(60, 400), () => this.#write())
  }

  #write(): void {
    const { world } = this
    const session = this.#connect()
    if (session === null) {
      this.#soon()
      return
    }
    const attempt = ++this.#attempt
    const { server } = session
    server.write((record) => {
      this.acknowledgedAtMs = world.nowMs
      world.checkers.onAcknowledged(server, record)
      if (attempt === this.#attempt) this.#soon()
    })
    world.after(this.stubborn ? 2 * GIVES_UP_AFTER_MS : GIVES_UP_AFTER_MS, () => {
      if (attempt !== this.#attempt || world.nowMs - this.acknowledgedAtMs < GIVES_UP_AFTER_MS) return
      this.#attempt++
      if (!this.stubborn) this.#session = null
      this.#soon()
    })
  }

  #connect(): { server: SimulatedServer; incarnation: number } | null {
    const kept = this.#session
    if (kept?.server.accepts(kept.incarnation)) return kept
    this.#session = null
    const first = this.stubborn && kept?.server.accepts(null) ? [kept.server] : []
    const open = first.length > 0 ? first : this.world.servers.filter((server) => server.accepts(null))
    if (open.length === 0) return null
    const server = this.world.random.pick(open)
    this.#session = { server, incarnation: server.incarnation }
    return this.#session
  }
}
