import { Random } from '../../../../../test/random.js'
import type { decideGroup, GroupSettings } from '../../../src/failover/index.js'
import { Checkers } from './checkers.js'
import { EventQueue } from './event-queue.js'
import { SimulatedClient } from './simulated-client.js'
import { SimulatedServer } from './simulated-server.js'
import { SimulatedSupervisor } from './simulated-supervisor.js'

export interface WorldOptions {
  seed: number
  settings: GroupSettings
  decide: typeof decideGroup
  tracing: boolean
  /** A wrong supervisor: says that a rule is in force as soon as it stands in the configuration. */
  reportRuleAtOnce?: boolean
}

/** One group, its supervisor and its clients under one clock and one stream of chance. */
export class World {
  readonly random: Random
  readonly servers: readonly SimulatedServer[]
  readonly clients: readonly SimulatedClient[]
  readonly supervisor: SimulatedSupervisor
  readonly checkers: Checkers
  readonly trace: string[] = []
  nowMs = 0
  readonly #timelines = new Set([1])
  /** Chances for what goes wrong all the time; zero while nothing may. */
  probeLossChance = 0
  readonly #queue = new EventQueue()
  readonly #byName = new Map<string, SimulatedServer>()

  constructor(readonly options: WorldOptions) {
    this.random = new Random(options.seed)
    this.servers = options.settings.nodes.map((name) => new SimulatedServer(name, this))
    for (const server of this.servers) this.#byName.set(server.name, server)
    this.checkers = new Checkers(this)
    this.supervisor = new SimulatedSupervisor(this)
    this.clients = [0, 1, 2].map((at) => new SimulatedClient(`client${at}`, this, at === 0))
  }

  server(name: string): SimulatedServer {
    return this.#byName.get(name) as SimulatedServer
  }

  /**
   * Notes that a timeline is begun; one number must never be begun twice, or nobody can tell the two
   * apart. The supervisor says which number. By hand (null) there is no telling: it is taken to be one
   * that nobody else takes.
   */
  beginTimeline(wanted: number | null): number {
    const number = wanted ?? Math.max(...this.#timelines) + 0.001
    if (this.#timelines.has(number)) this.checkers.fail('I2', `timeline ${number} is begun a second time`)
    this.#timelines.add(number)
    return number
  }

  after(afterMs: number, run: () => void): void {
    this.#queue.push(this.nowMs + afterMs, run)
  }

  runUntil(endMs: number, until: () => boolean = () => false): void {
    while (this.#queue.nextAtMs <= endMs && this.checkers.violation === null) {
      const next = this.#queue.pop()
      if (next === undefined) break
      this.nowMs = next.atMs
      next.run()
      if (until()) return
    }
    this.nowMs = Math.max(this.nowMs, endMs)
  }

  log(line: () => string): void {
    if (this.options.tracing) this.trace.push(`${String(Math.round(this.nowMs)).padStart(7)} ms  ${line()}`)
  }
}
