import {
  type Action,
  forgiveSilence,
  type GroupMemory,
  type GroupObservation,
  type NodeRecord,
  newNodeRecord,
  noteAnswer,
  noteFailure,
  noteFenced,
  noteRefusal,
  noteStarted,
  noteStopped,
  type Order,
  observeNode,
  unformed,
} from '../../../src/failover/index.js'
import { carryOut, EXCLUSIVE } from './carry-out.js'
import type { World } from './world.js'

const STEADY_PROBE_MS = 500
const URGENT_PROBE_MS = 20
const PROBE_TIMEOUT_MS = 400
const PATIENCE = { hangAfterMs: 1500 }

interface Watched {
  record: NodeRecord
  incarnation: number
  probing: boolean
  /** Exclusive actions run one after another. */
  queue: Action[]
}

/** Everything it knows but `memory` is lost when it dies. */
export class SimulatedSupervisor {
  /** On disk. */
  memory: GroupMemory
  running = false
  blocked: string | null = null
  order: Order | null = null
  /** Crash points to pass before it dies; negative: none is planned. */
  crashIn = -1
  mayStayDownMs = 1500
  #life = 0
  #startedAtMs = 0
  #phaseSinceMs = 0
  #lastTickMs = 0
  #pausedUntilMs = 0
  #watched = new Map<string, Watched>()
  #inFlight = new Set<string>()

  constructor(readonly world: World) {
    this.memory = unformed(world.options.settings.nodes[0] as string)
    this.start()
  }

  start(): void {
    const { nowMs } = this.world
    this.#life++
    this.running = true
    this.#startedAtMs = nowMs
    this.#phaseSinceMs = nowMs
    this.#lastTickMs = nowMs
    this.#watched = new Map()
    this.#inFlight = new Set()
    for (const server of this.world.servers)
      this.#watched.set(server.name, {
        record: newNodeRecord(server.name, nowMs),
        incarnation: -1,
        probing: false,
        queue: [],
      })
    this.world.log(() => `supervisor starts (${this.memory.phase}, epoch ${this.memory.epoch})`)
    this.#tick(this.#life)
  }

  crash(): void {
    if (!this.running) return
    this.world.log(() => 'supervisor dies')
    this.running = false
    this.#life++
    this.crashIn = -1
    this.order = null
    this.blocked = null
    this.world.after(this.world.random.between(50, this.mayStayDownMs), () => this.start())
  }

  pauseFor(pauseMs: number): void {
    this.#pausedUntilMs = this.world.nowMs + pauseMs
  }

  /** A place at which it may die; false once it has. */
  survives(life: number): boolean {
    if (life !== this.#life) return false
    if (this.crashIn < 0) return true
    if (this.crashIn-- > 0) return true
    this.crash()
    return false
  }

  #tick(life: number): void {
    if (life !== this.#life) return
    const { world } = this
    if (world.nowMs < this.#pausedUntilMs) {
      world.after(this.#pausedUntilMs - world.nowMs, () => this.#tick(life))
      return
    }
    this.#forgive()
    this.#watchProcesses()
    for (const watched of this.#watched.values()) this.#probe(life, watched)
    this.#decide(life)
    const urgent = this.memory.phase !== 'steady'
    world.after(urgent ? URGENT_PROBE_MS : world.random.between(20, STEADY_PROBE_MS), () => this.#tick(life))
  }

  #forgive(): void {
    const sleptMs = this.world.nowMs - this.#lastTickMs - STEADY_PROBE_MS
    this.#lastTickMs = this.world.nowMs
    if (sleptMs <= STEADY_PROBE_MS) return
    for (const watched of this.#watched.values()) watched.record = forgiveSilence(watched.record, sleptMs)
  }

  #watchProcesses(): void {
    const { nowMs } = this.world
    for (const server of this.world.servers) {
      const watched = this.#watchedOf(server.name)
      const changed = watched.incarnation !== server.incarnation
      if (watched.record.running && (!server.running || changed))
        watched.record = noteStopped(watched.record, nowMs)
      if (!watched.record.running && server.running) watched.record = noteStarted(watched.record, nowMs)
      watched.incarnation = server.incarnation
    }
  }

  #probe(life: number, watched: Watched): void {
    const { world } = this
    if (watched.probing || !watched.record.running) return
    watched.probing = true
    const server = world.server(watched.record.name)
    const { incarnation } = watched
    const askedAtMs = world.nowMs
    const lost = world.random.chance(world.probeLossChance)
    const lateMs = world.random.chance(world.probeLossChance)
      ? world.random.between(50, PROBE_TIMEOUT_MS - 50)
      : 0
    const done = (): void => {
      watched.probing = false
    }
    if (lost || server.answers() === 'nothing') {
      world.after(PROBE_TIMEOUT_MS, done)
      return
    }
    world.after(world.random.between(1, 8), () => {
      const kind = server.incarnation === incarnation ? server.answers() : 'nothing'
      if (kind === 'nothing') {
        world.after(PROBE_TIMEOUT_MS, done)
        return
      }
      const answer = kind === 'answer' ? server.answer(askedAtMs) : null
      world.after(1 + lateMs, () => {
        done()
        if (life !== this.#life || watched.incarnation !== incarnation) return
        watched.record =
          answer === null
            ? noteRefusal(watched.record, world.nowMs)
            : noteAnswer(watched.record, answer, world.nowMs)
      })
    })
  }

  observe(): GroupObservation {
    const { world } = this
    const nodes: Record<string, ReturnType<typeof observeNode>> = {}
    for (const [name, { record }] of this.#watched) {
      const { data } = world.server(name)
      const role = data === null ? 'absent' : data.standbySignal ? 'standby' : 'primary'
      const disk = { role, cleanShutdownLsn: data?.cleanShutdownLsn ?? null } as const
      nodes[name] = observeNode(record, disk, PATIENCE, world.nowMs)
    }
    const phaseAgeMs = world.nowMs - Math.max(this.#phaseSinceMs, this.#startedAtMs)
    return { nowMs: world.nowMs, phaseAgeMs, nodes, order: this.order }
  }

  #decide(life: number): void {
    const { world } = this
    const { order } = this
    const decision = world.options.decide(world.options.settings, this.memory, this.observe())
    if (order !== null && decision.reply !== null) {
      this.order = null
      world.log(() => `order ${JSON.stringify(order)}: ${JSON.stringify(decision.reply)}`)
    }
    if (decision.blocked !== this.blocked) world.log(() => `blocked: ${decision.blocked ?? 'no longer'}`)
    this.blocked = decision.blocked
    for (const event of decision.events) world.log(() => `event ${event.kind}: ${event.message}`)
    if (!this.survives(life)) return
    this.#remember(decision.memory)
    if (!this.survives(life)) return
    for (const action of decision.actions) this.#begin(life, action)
  }

  #remember(memory: GroupMemory): void {
    if (memory === this.memory || JSON.stringify(memory) === JSON.stringify(this.memory)) return
    const before = this.memory
    if (memory.phase !== before.phase) this.#phaseSinceMs = this.world.nowMs
    this.memory = memory
    this.world.log(() => `memory ${describeMemory(memory)}`)
    this.world.checkers.onRemembered(before, memory)
  }

  #begin(life: number, action: Action): void {
    if (life !== this.#life) return
    const key = `${action.kind} ${action.node}`
    if (this.#inFlight.has(key)) return
    this.#inFlight.add(key)
    const watched = this.#watchedOf(action.node)
    if (!EXCLUSIVE.has(action.kind)) {
      this.#run(life, action, watched)
      return
    }
    watched.queue.push(action)
    watched.record = { ...watched.record, busy: watched.queue[0]?.kind ?? null }
    if (watched.queue.length === 1) this.#run(life, action, watched)
  }

  #run(life: number, action: Action, watched: Watched): void {
    const { world } = this
    world.log(() => `begins ${JSON.stringify(action)}`)
    const steps = carryOut(world, action)
    const step = (): void => {
      if (!this.survives(life)) return
      const next = steps.next()
      if (next.done) this.#finish(life, action, watched, next.value)
      else world.after(next.value, step)
    }
    step()
  }

  #finish(life: number, action: Action, watched: Watched, ok: boolean): void {
    if (life !== this.#life) return
    this.#inFlight.delete(`${action.kind} ${action.node}`)
    this.#watchProcesses()
    if (!ok) {
      this.world.log(() => `failed ${action.kind} ${action.node}`)
      watched.record = noteFailure(watched.record, this.world.nowMs)
    }
    if (action.kind === 'fence') watched.record = noteFenced(watched.record, this.world.nowMs)
    if (!EXCLUSIVE.has(action.kind)) return
    watched.queue.shift()
    const next = watched.queue[0]
    watched.record = { ...watched.record, busy: next?.kind ?? null }
    if (next !== undefined) this.#run(life, next, watched)
  }

  #watchedOf(name: string): Watched {
    return this.#watched.get(name) as Watched
  }
}

export function describeMemory(memory: GroupMemory): string {
  const reigns = memory.reigns.map(
    (reign) =>
      `${reign.primary}[${reign.rules.map((rule) => `${rule.count} of ${rule.members.join('+')}`).join(' | ')}${
        reign.settleLsn === null ? '' : ` until ${reign.settleLsn}`
      }]`,
  )
  const next = memory.successor === null ? '' : ` → ${memory.successor}`
  return `${memory.phase} ${memory.primary}${next} epoch ${memory.epoch} timeline ${memory.timeline} reigns ${reigns.join(' ')}${memory.lossAccepted ? ' loss accepted' : ''}`
}
