import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LookUp, ProxyFacts } from '../proxy-facts.js'
import type { ProcessFigures } from './process-figures.js'
import { ProxyMetrics } from './proxy-metrics.js'

/** Answers `/healthz`, `/readyz` and `/metrics` on a port of its own. */
export class HealthServer {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** Rejects with what listening says (EADDRINUSE). */
  static async listen(
    host: string,
    port: number,
    look: LookUp,
    otherProcesses: () => Promise<readonly ProcessFigures[]> = async () => [],
  ): Promise<HealthServer> {
    const metrics = new ProxyMetrics(look, otherProcesses)
    const server = createServer((request, response) => {
      answer(request.url ?? '', response, look, metrics).catch(() => response.destroy())
    })
    server.listen(port, host)
    await once(server, 'listening')
    // It keeps no process alive.
    server.unref()
    return new HealthServer(server)
  }

  get address(): { host: string; port: number } {
    const { address, port } = this.#server.address() as AddressInfo
    return { host: address, port }
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

async function answer(
  url: string,
  response: ServerResponse,
  look: LookUp,
  metrics: ProxyMetrics,
): Promise<void> {
  switch (url.split('?', 1)[0]) {
    case '/healthz':
      say(response, 200, 'text/plain', 'ok\n')
      break
    case '/readyz': {
      const why = whyNotReady(await look('state', 'nodes', 'workers'))
      say(response, why === null ? 200 : 503, 'text/plain', `${why ?? 'ok'}\n`)
      break
    }
    case '/metrics':
      say(response, 200, metrics.contentType, await metrics.read())
      break
    default:
      say(response, 404, 'text/plain', 'There are /healthz, /readyz and /metrics.\n')
  }
}

/** What keeps it from taking new clients and their writes; null: nothing does. */
export function whyNotReady({
  state,
  nodes,
  workers,
}: Pick<ProxyFacts, 'state' | 'nodes' | 'workers'>): string | null {
  if (state === 'stopping') return 'it is shutting down'
  if (!workers.some((worker) => worker.state === 'serving')) return 'there is no worker'
  return nodes.some((node) => node.role === 'primary' && node.state === 'in') ? null : 'there is no primary'
}

function say(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
}
