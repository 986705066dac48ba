import type net from 'node:net'
import type { Administered } from '../admin/admin-desk.js'
import type { ProcessFigures } from '../metrics/process-figures.js'
import { type FactsPart, type ProxyFacts, pickFacts } from '../proxy-facts.js'
import type { ProxyOptions } from '../proxy-options.js'
import type { HoldTerms } from '../serving-proxy.js'
import { Refusal } from '../session/handshake.js'
import { WireProxy } from '../wire-proxy.js'
import { type Channel, ProcessLine } from './process-line.js'
import type {
  CoordinatorServices,
  PartOfWorkers,
  WorkerAnswer,
  WorkerJob,
  WorkerOrders,
} from './worker-orders.js'
import type { WorkerPlace } from './worker-place.js'

/** One of several processes that serve clients: does what the coordinator orders. */
export class ProxyWorker implements WorkerOrders {
  readonly #line: ProcessLine<CoordinatorServices>
  #started: WireProxy | null = null

  constructor(coordinator: Channel) {
    this.#line = new ProcessLine<CoordinatorServices>(coordinator, this)
  }

  async start({ options, ...job }: WorkerJob): Promise<void> {
    this.#started = await WireProxy.join(options, placeOf(job, this.#line))
  }

  get #proxy(): WireProxy {
    if (this.#started === null) throw new Error('the worker is not started yet')
    return this.#started
  }

  isAlive(): true {
    return true
  }

  welcome(socket?: net.Socket): void {
    if (socket !== undefined) this.#proxy.welcome(socket)
  }

  async look(parts: readonly PartOfWorkers[]): Promise<WorkerAnswer> {
    return pickFacts(this.#proxy.facts, parts)
  }

  async processFigures(): Promise<ProcessFigures> {
    const { processFigures } = await import('../metrics/process-figures.js')
    return processFigures()
  }

  pause(database: string | null): Promise<void> {
    return this.#proxy.pause(database)
  }

  resume(database: string | null): void {
    this.#proxy.resume(database)
  }

  hold(terms: HoldTerms): Promise<boolean> {
    return this.#proxy.hold(terms)
  }

  release(): void {
    this.#proxy.release()
  }

  reconnect(database: string | null): void {
    this.#proxy.reconnect(database)
  }

  kill(client: number): boolean {
    return this.#proxy.kill(client)
  }

  cancel(processId: number, secretKey: Buffer): void {
    this.#proxy.cancel(processId, secretKey)
  }

  reload(options: ProxyOptions | null): Promise<void> {
    return this.#proxy.reload(options ?? undefined)
  }

  catalogueChanged(database: string): void {
    this.#proxy.catalogueChanged(database)
  }

  stop(graceMs: number): Promise<void> {
    return this.#proxy.stop({ graceMs })
  }
}

type Line = ProcessLine<CoordinatorServices>

function placeOf({ worker, workers, mockSecret }: Omit<WorkerJob, 'options'>, line: Line): WorkerPlace {
  return {
    ids: { remainder: worker, of: workers },
    mockSecret,
    doorkeeper: {
      enter: async (user, database) => {
        const refusal = await line.ask('enter', user, database)
        if (refusal !== null) throw new Refusal(refusal)
      },
      leave: (user, database) => tell(line.ask('leave', user, database)),
    },
    administered: administeredBy(line),
    cancelElsewhere: (processId, secretKey) => tell(line.ask('cancel', processId, secretKey)),
    catalogueChanged: (database) => tell(line.ask('catalogueChanged', database)),
  }
}

/** All workers as one, for whoever is connected to the admin database here. */
function administeredBy(line: Line): Administered {
  return {
    look: async <Part extends FactsPart>(...parts: readonly Part[]) =>
      (await line.ask('look', parts)) as Pick<ProxyFacts, Part>,
    // Whoever leaves waits no more; the pause stays.
    pause: (database, abandoned) => Promise.race([line.ask('pause', database), whenAborted(abandoned)]),
    resume: (database) => line.ask('resume', database),
    reconnect: (database) => tell(line.ask('reconnect', database)),
    kill: (client) => line.ask('kill', client),
    reload: () => line.ask('reload'),
    shutdown: () => tell(line.ask('shutdown')),
  }
}

function whenAborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }))
}

/** Nobody waits for the answer: without a coordinator this process ends. */
function tell(asked: Promise<unknown>): void {
  asked.catch(() => {})
}
