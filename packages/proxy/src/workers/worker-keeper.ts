import { type ChildProcess, fork } from 'node:child_process'
import type net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Admission } from '../admission.js'
import type { WorkerFacts } from '../proxy-facts.js'
import type { WorkerEvent } from '../serving-proxy.js'
import type { MeterFacts } from '../session/batch-meter.js'
import { addMeters } from '../sum-facts.js'
import { ProcessLine } from './process-line.js'
import { WorkerGuests } from './worker-guests.js'
import type {
  CoordinatorServices,
  PartOfWorkers,
  SharedServices,
  WorkerAnswer,
  WorkerJob,
  WorkerOrders,
} from './worker-orders.js'

const PROGRAM = fileURLToPath(new URL('./worker-main.js', import.meta.url))
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000
/** A worker that has served for so long did not fail at once. */
const PROVEN_MS = 10_000
/** A worker that misses so many looks in a row hangs: nothing it does for a client takes so long. */
const LOOK_EVERY_MS = 2000
const LOOK_MS = 3000
const MISSES = 4
/** A worker that does not answer for so long is left out of what is shown. */
export const ANSWER_MS = 2000
/** How long a worker may take to end, over what its clients are given. */
const END_MS = 3000

/** What workers need of the coordinator, and what it wants to hear. */
export interface Coordination {
  readonly admission: Admission
  /** Stands in the worker's command line, for a person who looks at a list of processes. */
  readonly label: string | null
  job(worker: number): WorkerJob
  services(worker: number): SharedServices
  /** It serves from now on: what was ordered while it did not is to be said first. */
  began(worker: WorkerKeeper, job: WorkerJob): void
  tell(event: WorkerEvent): void
}

interface Running {
  readonly child: ChildProcess
  readonly line: ProcessLine<WorkerOrders>
  readonly guests: WorkerGuests
  readonly startedAtMs: number
  /** Why it is no more. */
  readonly ended: Promise<string>
  isServing: boolean
}

/** Keeps one worker running: starts it, and again when it dies or hangs, with pauses that grow. */
export class WorkerKeeper {
  readonly worker: number
  readonly #coordination: Coordination
  readonly #closing = new AbortController()
  #running: Running | null = null
  #kept: Promise<void> | null = null
  #isTaking = false
  /** What was counted by processes that are no more, and by this one when it was asked last. */
  #countedBefore: MeterFacts | null = null
  #countedLast: MeterFacts | null = null

  constructor(worker: number, coordination: Coordination) {
    this.worker = worker
    this.#coordination = coordination
  }

  /** Resolves when it serves; rejects when it cannot be started for the first time. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#kept = this.#keep(resolve, reject)
    })
  }

  async #keep(began: () => void, failed: (error: Error) => void): Promise<void> {
    const { signal } = this.#closing
    let pauseMs = FIRST_PAUSE_MS
    let hasServed = false
    while (!signal.aborted) {
      const beganMs = performance.now()
      await this.#serveOnce(() => {
        if (hasServed) this.#tell('worker-back', 'serves again')
        hasServed = true
        began()
      }).catch((error: Error) => {
        if (hasServed) this.#tell('worker-failed', `cannot be started: ${error.message}`)
        else failed(error)
      })
      if (!hasServed) return
      if (performance.now() - beganMs > PROVEN_MS) pauseMs = FIRST_PAUSE_MS
      await sleep(pauseMs, undefined, { signal }).catch(() => {})
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
    }
  }

  async #serveOnce(began: () => void): Promise<void> {
    const running = this.#launch()
    this.#running = running
    try {
      const job = this.#coordination.job(this.worker)
      await running.line.ask('start', job)
      running.isServing = true
      this.#coordination.began(this, job)
      began()
      const hung = new AbortController()
      void this.#watch(running, hung.signal)
      const why = await running.ended
      hung.abort()
      if (!this.#closing.signal.aborted)
        this.#tell('worker-lost', `ended (${why}); its clients lost their connections`)
    } finally {
      running.child.kill('SIGKILL')
      await running.ended
      running.guests.leaveAll()
      this.#running = null
      this.#countedBefore = this.#counted(null)
      this.#countedLast = null
    }
  }

  #launch(): Running {
    const { admission, label } = this.#coordination
    const guests = new WorkerGuests(admission)
    const child = fork(PROGRAM, label === null ? [] : [label], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const line = new ProcessLine<WorkerOrders>(child, {
      ...this.#coordination.services(this.worker),
      enter: (user, database) => guests.enter(user, database),
      leave: (user, database) => guests.leave(user, database),
    } satisfies CoordinatorServices)
    const ended = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`))
      child.once('error', ({ message }) => {
        if (child.pid === undefined) resolve(message)
      })
    })
    void ended.then((why) => line.close(new Error(`it ended (${why})`)))
    return { child, line, guests, startedAtMs: Date.now(), ended, isServing: false }
  }

  /** Ends a worker that hangs. */
  async #watch({ line, child }: Running, signal: AbortSignal): Promise<void> {
    for (let misses = 0; misses < MISSES; ) {
      await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted) return
      misses = await line.askWithin(LOOK_MS, 'isAlive').then(
        () => 0,
        () => misses + 1,
      )
    }
    child.kill('SIGKILL')
  }

  #tell(kind: WorkerEvent['kind'], what: string): void {
    this.#coordination.tell({ kind, message: `Worker ${this.worker} ${what}.` })
  }

  /** Null while it does not serve. */
  get line(): ProcessLine<WorkerOrders> | null {
    return this.#running?.isServing ? this.#running.line : null
  }

  /** It has taken the last client it was handed. */
  get isFree(): boolean {
    return this.line !== null && !this.#isTaking && !this.#closing.signal.aborted
  }

  /** Hands over a client. */
  async take(socket: net.Socket): Promise<void> {
    this.#isTaking = true
    try {
      await this.line?.hand('welcome', socket)
    } catch {
      // The worker ended, and the connection with it.
    } finally {
      this.#isTaking = false
    }
  }

  /** Null when it is not there, or does not answer. */
  async look(parts: readonly PartOfWorkers[]): Promise<WorkerAnswer> {
    const answer = (await this.line?.askWithin(ANSWER_MS, 'look', parts).catch(() => null)) ?? {}
    if (!parts.includes('meter')) return answer
    if (answer.meter !== undefined) this.#countedLast = answer.meter
    const meter = this.#counted(this.#countedLast)
    return meter === null ? answer : { ...answer, meter }
  }

  /** Figures never shrink: whoever reads them would take it for a new start of all. */
  #counted(now: MeterFacts | null): MeterFacts | null {
    const last = now ?? this.#countedLast
    if (this.#countedBefore === null || last === null) return this.#countedBefore ?? last
    return addMeters(this.#countedBefore, last)
  }

  get facts(): WorkerFacts {
    const { worker } = this
    const running = this.#running
    if (running === null) return { worker, pid: null, state: 'starting', clients: 0, startedAtMs: null }
    return {
      worker,
      pid: running.child.pid ?? null,
      state: this.#closing.signal.aborted ? 'stopping' : running.isServing ? 'serving' : 'starting',
      clients: running.guests.count,
      startedAtMs: running.startedAtMs,
    }
  }

  /** Lets transactions finish for so long, and ends it. Called again, it may be sooner. */
  async stop(graceMs: number): Promise<void> {
    this.#closing.abort()
    const running = this.#running
    if (running !== null) {
      await this.line?.askWithin(graceMs + END_MS, 'stop', graceMs).catch(() => {})
      running.child.kill('SIGKILL')
    }
    await this.#kept
  }
}
