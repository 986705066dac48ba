import { type GroupStatus, HerdError, type WalSample, withSample } from '@pgherd/core'
import {
  type Action,
  conditionOf,
  decideGroup,
  explainDecision,
  type GroupMemory,
  type GroupObservation,
  type GroupSettings,
  isLetGo,
  type NodeObservation,
  type Order,
  unformed,
  whyCommitsWait,
} from '@pgherd/core/failover'
import {
  killAllProcesses,
  pauseAllProcesses,
  resumeAllProcesses,
  signalServer,
  stopServer,
} from '../postgres/index.js'
import { isPaused } from '../postgres/server-processes.js'
import { withAdminConnection } from '../replication/admin-connection.js'
import { completeTransaction } from '../replication/complete-transaction.js'
import { slotName } from '../replication/node-settings.js'
import type { EventCause } from '../state/event-log.js'
import { readGroupMemory, writeGroupMemory } from '../state/group-memory-file.js'
import { ActionQueue, isExclusive } from './action-queue.js'
import { describeGroup } from './describe-group.js'
import type { GroupContext } from './group-context.js'
import { ManagedNode } from './managed-node.js'
import type { Node } from './node.js'
import { performAction } from './perform-action.js'

/** How often the world is looked at while something is changing. */
const CHANGING_INTERVAL_MS = 20
/** How long after a start or a change standbys are watched closely. */
const SETTLING_MS = 5000
/** A timer this late means that the machine or this process slept. */
const SLEPT_MS = 400
/** Commits that wait for longer than this are told of. */
const STALL_TOLD_MS = 1000
const STOP_TIMEOUT_MS = 15_000
const SHOWN_TIMEOUT_MS = 5000

export interface GroupSupervisorOptions {
  context: Omit<GroupContext, 'nodes' | 'memory' | 'tell'>
  nodes: readonly Node[]
  memoryFile: string
  probes: { intervalMs: number; hangAfterMs: number }
  tell: (kind: string, node: string | null, message: string, cause: EventCause | null) => void
  onChange: () => void
}

interface PendingOrder {
  order: Order
  resolve: () => void
  reject: (error: HerdError) => void
}

/** Keeps one group as its memory says it should be: observes, decides, remembers, acts, again and again. */
export class GroupSupervisor {
  readonly #options: GroupSupervisorOptions
  readonly #context: GroupContext
  readonly #nodes: Map<string, ManagedNode>
  readonly #actions = new ActionQueue()
  /** The primary with each standby that streams from it and shows all that was committed before. */
  #shown: Set<string> = new Set()
  #memory: GroupMemory
  #phaseSinceMs = performance.now()
  #settlingUntilMs = performance.now() + SETTLING_MS
  #blocked: string | null = null
  #stalled: string | null = null
  #stalledSinceMs: number | null = null
  /** Until then standbys are still being made or started, and waiting for them is no news. */
  #wasWhole = false
  #order: PendingOrder | null = null
  #samples: readonly WalSample[] = []
  #timer: NodeJS.Timeout | null = null
  #nextTickMs = 0
  #deciding = false
  #decideAgain = false
  #closed = false
  #memoryFailure: unknown = null

  constructor(options: GroupSupervisorOptions) {
    this.#options = options
    this.#nodes = new Map(options.nodes.map((node) => [node.name, this.#manage(node)]))
    this.#memory = unformed(options.nodes[0]?.name ?? '')
    this.#context = {
      ...options.context,
      nodes: this.#nodes,
      memory: () => this.#memory,
      tell: (kind, node, message) => this.#tell(kind, node, message),
    }
  }

  #manage(node: Node): ManagedNode {
    const named = (holds: (other: ManagedNode) => boolean): string | null =>
      [...this.#nodes.values()].find(holds)?.name ?? null
    return new ManagedNode({
      node,
      superuserPassword: this.#options.context.secrets.superuser,
      directory: {
        nodeAtPort: (port) => named((other) => other.node.server.address.port === port),
        nodeOfSlot: (slot) => named((other) => slotName(other.name) === slot),
      },
      onChange: () => this.#wake(),
      onExit: (managed, how) => this.#onExit(managed, how),
      onStartFailure: (managed, error) => this.#tell('start-failed', managed.name, error.message),
    })
  }

  get name(): string {
    return this.#context.settings.name
  }

  get epoch(): number {
    return this.#memory.epoch
  }

  get nodes(): ReadonlyMap<string, ManagedNode> {
    return this.#nodes
  }

  /** Reads what is on disk, takes over servers that run, and begins to supervise. */
  async open(): Promise<void> {
    this.#memory = (await readGroupMemory(this.#options.memoryFile)) ?? this.#memory
    for (const node of this.#nodes.values()) {
      // While forming nothing serves yet: starting it again does all that its first supervisor may have missed.
      if (this.#memory.phase === 'forming') await killAllProcesses(node.node.server)
      else if (await node.adopt())
        this.#tell('server-adopted', node.name, `${node.name} was running: taken over as it is.`)
    }
    this.#tick()
    this.#wake()
  }

  /** Gives a person's order; resolves when it is taken, rejects with the reason when it is refused. */
  order(order: Order): Promise<void> {
    if (this.#order !== null) {
      return Promise.reject(
        new HerdError('OPERATION_FAILED', 'Another order for this group is still being answered.'),
      )
    }
    return new Promise((resolve, reject) => {
      this.#order = { order, resolve, reject }
      this.#wake()
    })
  }

  /** Steady, its primary writes, every standby streams and is counted on. */
  isWhole(): boolean {
    const primary = this.#nodes.get(this.#memory.primary)
    if (this.#memory.phase !== 'steady' || primary === undefined || primary.record.answer === null)
      return false
    if (primary.record.answer.recovery || !this.#actions.isEmpty) return false
    const { replicas } = primary.record.answer
    const { nodes, durability, leaving = [] } = this.#context.settings
    const others = nodes.filter((name) => name !== primary.name && !leaving.includes(name))
    const allStream = others.every(
      (name) => replicas[name]?.streaming && this.#nodes.get(name)?.record.answer?.streaming,
    )
    const [reign, ...olderReigns] = this.#memory.reigns
    const [rule, ...otherRules] = reign?.rules ?? []
    const counted = durability === 'fast' ? 0 : others.length
    return allStream && olderReigns.length + otherRules.length === 0 && rule?.members.length === counted
  }

  /** A node that has no data yet: from now on it is made and looked after like the others. */
  add(node: Node): void {
    this.#nodes.set(node.name, this.#manage(node))
    this.#changeSettings({ nodes: [...this.#context.settings.nodes, node.name] })
  }

  /** From now on nobody counts on those of these standbys that are of this group. */
  letLeave(leaving: readonly string[]): void {
    this.#changeSettings({ leaving: leaving.filter((name) => this.#nodes.has(name)) })
  }

  /** Whether this node streams and counts like the others; as the primary it does more than that. */
  hasJoined(name: string): boolean {
    const primary = this.primary()
    const answer = primary?.record.answer ?? null
    if (answer === null || answer.recovery || this.#memory.phase !== 'steady') return false
    if (primary?.name === name) return true
    const streams = answer.replicas[name]?.streaming && this.#nodes.get(name)?.record.answer?.streaming
    const [reign, ...olderReigns] = this.#memory.reigns
    const [rule, ...otherRules] = reign?.rules ?? []
    const isSettled = olderReigns.length + otherRules.length === 0
    const isCounted = this.#context.settings.durability === 'fast' || rule?.members.includes(name)
    return streams === true && isSettled && isCounted === true
  }

  /** Whether a leaving standby is needed for nothing any more, as far as things go on as they are. */
  hasLetGo(name: string): boolean {
    const { settings } = this.#context
    return !settings.nodes.includes(name) || isLetGo(settings, this.#memory, name)
  }

  /**
   * Lets a leaving standby go where it is needed for nothing any more: whatever becomes of the group, it is not
   * looked after, nor chosen. False: it is still needed.
   */
  release(name: string): boolean {
    if (!this.hasLetGo(name)) return false
    const { nodes } = this.#context.settings
    this.#changeSettings({ nodes: nodes.filter((each) => each !== name) })
    return true
  }

  /** Ends every process of a node that was let go, once nothing is done to it any more. */
  async halt(name: string): Promise<void> {
    const node = this.#nodes.get(name)
    if (node === undefined) return
    node.stopping = true
    node.close()
    await this.#actions.whenFree(name)
    await killAllProcesses(node.node.server)
    node.noteGone()
  }

  /** Whether the primary is there, and keeps nothing for that node. */
  hasNoSlotFor(name: string): boolean {
    const answer = this.primary()?.record.answer ?? null
    return answer !== null && !answer.recovery && !answer.slots.includes(name)
  }

  /** Nothing is left of a node that was let go. */
  forget(name: string): void {
    this.#nodes.delete(name)
    const { leaving = [] } = this.#context.settings
    this.#changeSettings({ leaving: leaving.filter((each) => each !== name) })
  }

  #changeSettings(change: Partial<GroupSettings>): void {
    this.#context.settings = { ...this.#context.settings, ...change }
    this.#settlingUntilMs = performance.now() + SETTLING_MS
    this.#wake()
  }

  get settings(): GroupSettings {
    return this.#context.settings
  }

  /** Nodes that did not start when that was tried last. */
  get failedNodes(): ManagedNode[] {
    return [...this.#nodes.values()].filter((node) => node.lastFailure !== null && node.running === null)
  }

  primary(): ManagedNode | null {
    return this.#memory.epoch > 0 ? (this.#nodes.get(this.#memory.primary) ?? null) : null
  }

  describe(): GroupStatus {
    return describeGroup({
      settings: this.#context.settings,
      memory: this.#memory,
      stalled: this.#stalled,
      blocked: this.#blocked,
      nodes: this.#nodes,
      samples: this.#samples,
      patience: { hangAfterMs: this.#options.probes.hangAfterMs },
    })
  }

  /** Asks every node at once and waits a moment for the answers, so that a description is fresh. */
  async refresh(timeoutMs: number): Promise<void> {
    const askedAtMs = performance.now()
    const deadline = askedAtMs + timeoutMs
    for (const node of this.#nodes.values()) node.probe(false)
    const isFresh = (node: ManagedNode): boolean =>
      node.running === null ||
      (node.record.answeredAtMs ?? 0) >= askedAtMs ||
      node.record.answeredAtMs === null
    while (performance.now() < deadline && ![...this.#nodes.values()].every(isFresh)) {
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  /** For experiments: kills a postmaster, or stops and continues every process of a node. */
  async disturb(name: string, how: 'kill' | 'pause' | 'resume'): Promise<void> {
    const node = this.#nodes.get(name) as ManagedNode
    if (node.running === null) {
      throw new HerdError('OPERATION_FAILED', `${name} is not running.`)
    }
    this.#tell(`chaos-${how}`, name, `By order: ${how} ${name}.`, {
      observed: 'A person ordered it.',
      decided: null,
    })
    if (how === 'kill') {
      const { running } = node
      signalServer(running, 'kill')
      // Whoever asks next must not be told what was true before.
      await running.exited
    }
    if (how === 'pause') await pauseAllProcesses(node.node.server)
    if (how === 'resume') await resumeAllProcesses(node.node.server)
    node.record = { ...node.record, paused: how === 'pause' }
  }

  /** Stops supervising and leaves the servers as they are. What is under way gets `patienceMs` to end. */
  async close(patienceMs: number): Promise<void> {
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#order?.reject(new HerdError('INTERRUPTED', 'The supervisor is stopping.'))
    for (const node of this.#nodes.values()) node.close()
    await this.#actions.settle(patienceMs)
  }

  /** Stops all servers in order: the primary first, so that standbys get all it has. */
  async stopServers(): Promise<void> {
    const nodes = [...this.#nodes.values()]
    const primary = nodes.filter((node) => node.name === this.#memory.primary)
    const standbys = nodes.filter((node) => node.name !== this.#memory.primary)
    // A primary waits for its standbys to have everything; a paused one would keep it waiting.
    for (const { running, node } of nodes)
      if (running !== null && isPaused(running.pid)) await resumeAllProcesses(node.server)
    for (const each of [primary, standbys]) await Promise.all(each.map((node) => stopNode(node)))
  }

  #wake(): void {
    if (this.#closed) return
    if (this.#deciding) {
      this.#decideAgain = true
      return
    }
    this.#deciding = true
    setImmediate(() => {
      this.#decideUntilQuiet().finally(() => {
        this.#deciding = false
        if (this.#decideAgain) this.#wake()
      })
    })
  }

  async #decideUntilQuiet(): Promise<void> {
    do {
      this.#decideAgain = false
      await this.#decide()
      // Each time: who looks on hears of an epoch before what follows from it is decided and on disk.
      this.#options.onChange()
    } while (this.#decideAgain && !this.#closed)
  }

  async #decide(): Promise<void> {
    if (this.#closed) return
    const pending = this.#order
    const seen = await this.#observe(pending?.order ?? null)
    const before = this.#memory
    const decision = decideGroup(this.#context.settings, before, seen)
    if (!(await this.#remember(decision.memory))) return
    if (pending !== null && decision.reply !== null) this.#answer(pending, decision.reply)
    if (
      decision.blocked !== null &&
      decision.blocked !== this.#blocked &&
      this.#memory.phase === 'failing-over'
    ) {
      this.#tell(
        'failover-blocked',
        before.primary,
        `Nobody may take over: ${decision.blocked}.`,
        explainDecision(before, seen, decision, before.primary),
      )
    }
    this.#blocked = decision.blocked
    this.#noteStall(whyCommitsWait(this.#context.settings, this.#memory, seen))
    for (const action of decision.actions) this.#begin(action)
    for (const { kind, node, message } of decision.events)
      this.#tell(kind, node, message, explainDecision(before, seen, decision, node))
    this.#sampleWal(seen.nodes[this.#memory.primary])
    this.#haveCommitsShown()
    this.#hurry()
  }

  /** A standby that begins to stream may not show commits that have waited for it (`completeTransaction`). */
  #haveCommitsShown(): void {
    const primary = this.primary()
    const answer = primary?.record.answer ?? null
    if (primary === null || answer === null || answer.recovery) return
    const streaming = Object.keys(answer.replicas).filter((name) => answer.replicas[name]?.streaming)
    const links = streaming.map((name) => `${primary.name} ${name}`)
    const fresh = links.filter((link) => !this.#shown.has(link))
    this.#shown = new Set(links)
    if (fresh.length === 0) return
    const { secrets } = this.#context
    const { address } = primary.node.server
    withAdminConnection(address, secrets.superuser, SHOWN_TIMEOUT_MS, completeTransaction).catch(() => {
      for (const link of fresh) this.#shown.delete(link)
    })
  }

  #noteStall(stalled: string | null): void {
    // Standbys come and go for moments while the group settles; only what lasts is worth a word.
    this.#wasWhole ||= this.isWhole()
    const isNews = stalled !== null && this.#wasWhole
    this.#stalledSinceMs = isNews ? (this.#stalledSinceMs ?? performance.now()) : null
    const lasts = this.#stalledSinceMs !== null && performance.now() - this.#stalledSinceMs >= STALL_TOLD_MS
    const told = lasts ? stalled : null
    if (told !== null && this.#stalled === null) this.#tell('commits-wait', this.#memory.primary, told)
    if (told === null && this.#stalled !== null) {
      this.#tell('commits-go-on', this.#memory.primary, 'Commits are acknowledged again.')
    }
    this.#stalled = told
  }

  async #observe(order: Order | null): Promise<GroupObservation> {
    const patience = { hangAfterMs: this.#options.probes.hangAfterMs }
    const nodes = await Promise.all([...this.#nodes.values()].map((node) => node.observe(patience)))
    const nowMs = performance.now()
    return {
      nowMs,
      phaseAgeMs: nowMs - this.#phaseSinceMs,
      nodes: Object.fromEntries(nodes.map((node) => [node.name, node])),
      order,
    }
  }

  /** Puts the memory on disk before anything it says is done. Without that, nothing is done. */
  async #remember(memory: GroupMemory): Promise<boolean> {
    if (JSON.stringify(memory) === JSON.stringify(this.#memory)) return true
    try {
      await writeGroupMemory(this.#options.memoryFile, memory)
    } catch (error) {
      if (this.#memoryFailure === null) {
        this.#tell(
          'memory-not-written',
          null,
          `Nothing is decided while it cannot be recorded: ${messageOf(error)}`,
        )
      }
      this.#memoryFailure = error
      return false
    }
    this.#memoryFailure = null
    if (memory.phase !== this.#memory.phase) this.#phaseSinceMs = performance.now()
    if (memory.epoch !== this.#memory.epoch) this.#samples = []
    this.#memory = memory
    this.#settlingUntilMs = performance.now() + SETTLING_MS
    return true
  }

  #answer(pending: PendingOrder, reply: { accepted: true } | { accepted: false; reason: string }): void {
    this.#order = null
    if (reply.accepted) {
      pending.resolve()
      return
    }
    const isFailover = pending.order.kind === 'failover'
    const hint = isFailover
      ? { hint: `Bring a missing node back, or accept the loss: pgherd failover ${this.name} --accept-loss` }
      : {}
    pending.reject(
      isFailover
        ? new HerdError('NO_ELIGIBLE_SUCCESSOR', `No failover: ${reply.reason}.`, hint)
        : new HerdError('SWITCHOVER_REFUSED', `No switchover: ${reply.reason}.`, hint),
    )
  }

  #begin(action: Action): void {
    const node = this.#nodes.get(action.node)
    // It may have been let go since that was decided.
    const isMember = this.#context.settings.nodes.includes(action.node)
    if (node === undefined || !isMember || this.#closed) return
    const began = this.#actions.begin(
      action,
      () => performAction(this.#context, action),
      (isNodeFree, error) => {
        if (error !== null) this.#onActionFailure(action, node, error)
        if (isNodeFree) node.record = { ...node.record, busy: null }
        this.#wake()
      },
    )
    if (began && isExclusive(action)) node.record = { ...node.record, busy: action.kind }
  }

  #onActionFailure(action: Action, node: ManagedNode, error: unknown): void {
    // The others are asked for again at the next decision, which is soon.
    if (this.#closed || !isExclusive(action)) return
    node.noteFailure()
    node.lastTrouble = error
    if (error instanceof HerdError) node.lastFailure = error
    this.#tell('action-failed', action.node, `${action.kind} ${action.node}: ${messageOf(error)}`, {
      observed: messageOf(error),
      decided: 'Try it again after a pause.',
    })
  }

  #onExit(node: ManagedNode, { code, signal }: { code: number | null; signal: string | null }): void {
    if (node.stopping || this.#closed) return
    const how =
      signal !== null ? `was ended by ${signal}` : code !== null ? `exited with code ${code}` : 'is gone'
    this.#tell('server-exited', node.name, `The server process of ${node.name} ${how}.`)
  }

  #sampleWal(primary: NodeObservation | undefined): void {
    const answer = primary?.answer
    if (primary === undefined || !answer || conditionOf(primary) !== 'writes') return
    if (this.#samples.at(-1)?.atMs === answer.askedAtMs) return
    this.#samples = withSample(this.#samples, { atMs: answer.askedAtMs, lsn: answer.lsn })
  }

  /** The regular look at every node; closer together while something changes. */
  #tick(): void {
    if (this.#closed) return
    const nowMs = performance.now()
    const sleptMs = this.#nextTickMs === 0 ? 0 : nowMs - this.#nextTickMs
    if (sleptMs > SLEPT_MS) {
      for (const node of this.#nodes.values()) node.forgiveSilence(sleptMs)
    }
    const detail = !this.isWhole()
    for (const node of this.#nodes.values()) node.probe(detail)
    // A hang is a lack of answers: it has to be looked for.
    this.#wake()
    this.#schedule(this.#isChanging() ? CHANGING_INTERVAL_MS : this.#options.probes.intervalMs)
  }

  #schedule(inMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#nextTickMs = performance.now() + inMs
    this.#timer = setTimeout(() => this.#tick(), inMs)
  }

  /** Does not wait for a slow tick once something has begun to change. */
  #hurry(): void {
    if (this.#closed || !this.#isChanging()) return
    if (this.#nextTickMs - performance.now() > CHANGING_INTERVAL_MS) this.#schedule(CHANGING_INTERVAL_MS)
  }

  #isChanging(): boolean {
    if (this.#memory.phase !== 'steady') return this.#blocked === null
    return performance.now() < this.#settlingUntilMs && !this.isWhole()
  }

  #tell(kind: string, node: string | null, message: string, cause: EventCause | null = null): void {
    this.#options.tell(kind, node, message, cause)
  }
}

async function stopNode(node: ManagedNode): Promise<void> {
  const { running } = node
  if (running === null) return
  node.stopping = true
  await stopServer(node.node.server, running, 'fast', STOP_TIMEOUT_MS).catch(() =>
    stopServer(node.node.server, running, 'immediate', STOP_TIMEOUT_MS),
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
