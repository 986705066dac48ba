import { chmodSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { ProxyMetrics, type ServingProxy } from '@pgherd/proxy'
import type { ProxyJob } from './proxy-job.js'

/** What a proxy says of itself over its socket. */
export interface ProxyDescription {
  readonly address: { readonly host: string; readonly port: number }
  readonly fingerprint: string
}

/** What a proxy has done since it began, and has now. */
export interface ProxyFigures {
  readonly clients: number
  readonly serverConnections: number
  readonly lanes: number
  /** By `host:port`. */
  readonly byNode: Readonly<Record<string, { readonly reads: number; readonly writes: number }>>
  /** Each bucket counts its own only. */
  readonly latency: { readonly boundsMs: readonly number[]; readonly counts: readonly number[] }
}

const ANSWER_MS = 5000
const FIGURES_MS = 900

interface Orders {
  readonly proxy: ServingProxy
  readonly fingerprint: string
  /** Takes over what can be changed while clients are connected. */
  reload(job: ProxyJob): Promise<void>
  /** Ends the process; resolves when it takes no more clients. */
  stop(graceMs: number): void
}

/** By path: what the supervisor orders. */
const ROUTES: Readonly<Record<string, (orders: Orders, body: never) => unknown>> = {
  '/v1/proxy': ({ proxy, fingerprint }) =>
    ({ address: proxy.address, fingerprint }) satisfies ProxyDescription,
  '/v1/figures': async ({ proxy }): Promise<ProxyFigures> => {
    const { workers, pools, meter } = await proxy.look('workers', 'pools', 'meter')
    const { boundsMs, counts } = meter.latency
    return {
      clients: workers.reduce((sum, worker) => sum + worker.clients, 0),
      serverConnections: pools.reduce((sum, pool) => sum + pool.lanes + pool.own, 0),
      lanes: pools.reduce((sum, pool) => sum + pool.lanes, 0),
      byNode: Object.fromEntries(meter.byNode),
      latency: { boundsMs, counts },
    }
  },
  '/v1/metrics': ({ proxy }) => new ProxyMetrics((...parts) => proxy.look(...parts)).readOwn(),
  '/v1/hold': async ({ proxy }, body: { patienceMs: number; leaseMs: number }) => ({
    isQuiet: await proxy.hold(body),
  }),
  '/v1/release': ({ proxy }) => {
    proxy.release()
    return {}
  },
  '/v1/reload': async ({ reload }, job: ProxyJob) => {
    await reload(job)
    return {}
  },
  '/v1/stop': ({ stop }, { graceMs }: { graceMs: number }) => {
    stop(graceMs)
    return {}
  },
}

/** Listens in the proxy's process for its supervisor; only its owner can connect. */
export class ProxyControl {
  readonly #server: Server
  readonly #path: string

  private constructor(server: Server, path: string) {
    this.#server = server
    this.#path = path
  }

  static async listen(path: string, orders: Orders): Promise<ProxyControl> {
    rmSync(path, { force: true })
    const server = createServer((incoming, response) => {
      // Held open for as long as this process lives, so that whoever asks hears of its end.
      if (incoming.url === '/v1/alive') response.writeHead(200).flushHeaders()
      else answer(orders, incoming, response).catch(() => response.destroy())
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    chmodSync(path, 0o600)
    server.unref()
    return new ProxyControl(server, path)
  }

  /** `handedOver`: another proxy has taken the path. */
  close(handedOver: boolean): void {
    this.#server.closeAllConnections()
    // Closing it deletes whatever is at its path.
    if (!handedOver) {
      this.#server.close()
      rmSync(this.#path, { force: true })
    }
  }
}

async function answer(orders: Orders, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
  const body: unknown = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8'))
  const route = ROUTES[incoming.url ?? '']
  try {
    const said = route === undefined ? null : await route(orders, body as never)
    response.writeHead(route === undefined ? 404 : 200).end(JSON.stringify(said))
  } catch (error) {
    response.writeHead(409).end(JSON.stringify({ message: (error as Error).message }))
  }
}

/** Speaks to a proxy over its socket. Every method rejects when it does not answer. */
export class ProxyControlClient {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  describe(timeoutMs = ANSWER_MS): Promise<ProxyDescription> {
    return this.#ask('/v1/proxy', undefined, timeoutMs) as Promise<ProxyDescription>
  }

  figures(): Promise<ProxyFigures> {
    return this.#ask('/v1/figures', undefined, FIGURES_MS) as Promise<ProxyFigures>
  }

  /** Prometheus' text. */
  metrics(): Promise<string> {
    return this.#ask('/v1/metrics', undefined, FIGURES_MS) as Promise<string>
  }

  /** See `ServingProxy.hold`. */
  async hold(patienceMs: number, leaseMs: number): Promise<boolean> {
    const said = await this.#ask('/v1/hold', { patienceMs, leaseMs }, patienceMs + ANSWER_MS)
    return (said as { isQuiet: boolean }).isQuiet
  }

  async release(): Promise<void> {
    await this.#ask('/v1/release', undefined, ANSWER_MS)
  }

  async reload(job: ProxyJob): Promise<void> {
    await this.#ask('/v1/reload', job, ANSWER_MS)
  }

  /** Resolves when it takes no more clients; it ends once transactions have finished, or after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    await this.#ask('/v1/stop', { graceMs }, ANSWER_MS)
  }

  /** Resolves when the process has ended. */
  whenGone(): Promise<void> {
    return new Promise((resolve) => {
      const call = request({ socketPath: this.#path, path: '/v1/alive' }, (response) => {
        response.resume().once('close', resolve)
      })
      call.once('error', () => resolve()).end()
    })
  }

  #ask(path: string, body: unknown, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call = request(
        { socketPath: this.#path, path, method: 'POST', timeout: timeoutMs },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.once('error', reject)
          response.once('end', () => {
            const said = JSON.parse(Buffer.concat(chunks).toString('utf8') || 'null') as unknown
            if (response.statusCode === 200) resolve(said)
            else reject(new Error((said as { message?: string } | null)?.message ?? 'not understood'))
          })
        },
      )
      call.once('timeout', () => call.destroy(new Error(`the proxy did not answer within ${timeoutMs} ms`)))
      call.once('error', reject)
      call.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }
}
