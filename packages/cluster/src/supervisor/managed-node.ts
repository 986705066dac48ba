import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { HerdError, type Lsn } from '@pgherd/core'
import {
  forgiveSilence,
  type NodeObservation,
  type NodeRecord,
  newNodeRecord,
  noteAnswer,
  noteFailure,
  noteFenced,
  noteRefusal,
  noteStarted,
  noteStopped,
  observeNode,
  type Patience,
} from '@pgherd/core/failover'
import type { CopyProgress } from '../postgres/copy-directory.js'
import { adoptServer, type RunningServer, waitReady } from '../postgres/index.js'
import { readControl } from '../postgres/pg-control.js'
import type { Node } from './node.js'
import type { GroupDirectory, ProbeResult } from './probe-sql.js'
import { Prober } from './prober.js'

export interface ManagedNodeOptions {
  node: Node
  superuserPassword: string
  directory: GroupDirectory
  /** Something about this node is different: time to decide again. */
  onChange: () => void
  /** The server ended without being asked to by an action. */
  onExit: (node: ManagedNode, how: { code: number | null; signal: string | null }) => void
  onStartFailure: (node: ManagedNode, error: HerdError) => void
}

const READY_TIMEOUT_MS = 60_000
const ANSWER_TIMEOUT_MS = 1000
const ANSWER_POLL_MS = 5

/** A node with all that lives over time: its process, the connection that probes it, what is known of it. */
export class ManagedNode {
  readonly node: Node
  readonly #options: ManagedNodeOptions
  readonly #prober: Prober
  record: NodeRecord
  running: RunningServer | null = null
  lastProbe: ProbeResult | null = null
  /** Why its last start failed; null once it has answered. */
  lastFailure: HerdError | null = null
  /** What went wrong last in whatever was done to it. */
  lastTrouble: unknown = null
  readonly #end = new AbortController()
  /**
   * From when on its answers tell which rule of acknowledgement is in force: a setting shows in a new
   * answer before every process of the server has read it, and those may still go by the one before.
   */
  #ruleInForceSinceMs = 0
  /** How far the copy is that is being made of it; null while none is. */
  copied: CopyProgress | null = null
  /** Its process ends because an action ends it. */
  stopping = false

  constructor(options: ManagedNodeOptions) {
    this.node = options.node
    this.#options = options
    this.record = newNodeRecord(options.node.name, performance.now())
    this.#prober = new Prober({
      address: options.node.server.address,
      password: options.superuserPassword,
      directory: options.directory,
      onAnswer: (result) => this.#onAnswer(result),
      onRefusal: () => {
        this.record = noteRefusal(this.record, performance.now())
        options.onChange()
      },
      onBroken: options.onChange,
    })
  }

  get name(): string {
    return this.node.name
  }

  /** Nobody looks after it any more: a copy that is being made of it is cut off. */
  get ended(): AbortSignal {
    return this.#end.signal
  }

  /** Takes over a server that an earlier supervisor left running. */
  async adopt(): Promise<boolean> {
    const running = await adoptServer(this.node.server)
    if (running !== null) this.watch(running)
    return running !== null
  }

  /** A server process is there: from now on its end is noticed and it is probed. */
  watch(running: RunningServer): void {
    this.running = running
    this.stopping = false
    // An earlier supervisor may have changed the rule of a server it left a moment ago.
    this.#ruleInForceSinceMs = running.startedByUs ? 0 : Number.POSITIVE_INFINITY
    this.record = noteStarted(this.record, performance.now())
    this.#prober.reset()
    running.exited.then((how) => {
      if (this.running !== running) return
      this.running = null
      this.record = noteStopped(this.record, performance.now())
      this.#prober.reset()
      this.#options.onExit(this, how)
      this.#options.onChange()
    })
    if (!running.startedByUs) return
    waitReady(this.node.server, running, READY_TIMEOUT_MS).then(
      () => this.#options.onChange(),
      (error: HerdError) => {
        this.lastFailure = error
        if (!this.stopping) this.#options.onStartFailure(this, error)
      },
    )
  }

  /** Asks how it is, unless a question is under way. */
  probe(detail: boolean): void {
    if (this.running !== null) this.#prober.probe(performance.now(), detail)
  }

  /**
   * Its rule of acknowledgement is being changed; until that is done, no answer tells which one holds.
   * Resolves once an answer from after the change has been heard, or the server has none to give.
   */
  async whileRuleChanges(change: () => Promise<void>): Promise<void> {
    this.#ruleInForceSinceMs = Number.POSITIVE_INFINITY
    await change()
    const changedAtMs = performance.now()
    this.#ruleInForceSinceMs = changedAtMs
    const isHeard = (): boolean => (this.record.answer?.askedAtMs ?? 0) >= changedAtMs
    while (this.running !== null && !isHeard() && performance.now() - changedAtMs < ANSWER_TIMEOUT_MS) {
      this.probe(false)
      await sleep(ANSWER_POLL_MS)
    }
  }

  /** No process of it is left, orphaned backends included. */
  noteGone(): void {
    this.running = null
    this.#prober.reset()
    this.record = noteFenced(this.record, performance.now())
  }

  noteFailure(): void {
    this.record = noteFailure(this.record, performance.now())
  }

  forgiveSilence(sleptMs: number): void {
    this.record = forgiveSilence(this.record, sleptMs)
  }

  async observe(patience: Patience): Promise<NodeObservation> {
    const { data } = this.node.paths
    const hasData = existsSync(join(data, 'global/pg_control'))
    const role = !hasData ? 'absent' : existsSync(join(data, 'standby.signal')) ? 'standby' : 'primary'
    const cleanShutdownLsn = hasData && this.running === null ? await this.#cleanShutdownLsn() : null
    return observeNode(this.record, { role, cleanShutdownLsn }, patience, performance.now())
  }

  close(): void {
    this.#end.abort(new HerdError('INTERRUPTED', `The copy of ${this.name} was cut off.`))
    this.#prober.close()
  }

  async #cleanShutdownLsn(): Promise<Lsn | null> {
    const control = await readControl(this.node.paths.data).catch(() => null)
    return control?.state === 'shut-down' ? control.checkpointLsn : null
  }

  #onAnswer(result: ProbeResult): void {
    this.lastProbe = result
    this.lastFailure = null
    const { answer } = result
    const rule = answer.askedAtMs >= this.#ruleInForceSinceMs ? answer.rule : null
    this.record = noteAnswer(this.record, { ...answer, rule }, performance.now())
    this.#options.onChange()
  }
}
