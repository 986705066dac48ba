import { readFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Sample } from '@pgherd/core/api'
import { groupOf, herdOf } from '../unit/topologies.js'

const PAGE = fileURLToPath(new URL('../../dist/', import.meta.url))
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}
const HOUR = 3600
const NODES = 20

/**
 * Serves the page, and a stream of figures as heavy as a large herd's: twenty nodes, an hour of samples, one more
 * each second. It is a load on the page and says nothing about PostgreSQL.
 */
export class FakeStream {
  readonly #streams = new Set<ServerResponse>()
  readonly #topology = herdOf(groupOf(NODES))
  readonly #samples: Sample[] = []
  readonly #server: Server
  readonly #token: string | null
  #timer: ReturnType<typeof setInterval> | undefined

  /** `token`: what every request under /v1 must bring. */
  constructor(token: string | null = null) {
    this.#token = token
    const now = Date.now()
    for (let second = -HOUR; second < 0; second++) this.#samples.push(sampleAt(now + second * 1000))
    this.#server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://page')
      if (!pathname.startsWith('/v1/')) return sendFile(response, pathname)
      if (this.#token !== null && request.headers.authorization !== `Bearer ${this.#token}`)
        return sendJson(response, 401, TOKEN_NEEDED, 'application/problem+json')
      if (request.headers.accept === 'text/event-stream') return this.#stream(response)
      return sendJson(response, 200, this.#answer(pathname))
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.#timer = setInterval(() => this.#tick(), 1000)
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #stream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    this.#streams.add(response)
    response.on('close', () => this.#streams.delete(response))
    response.write(messageOf('topology', this.#topology))
  }

  #tick(): void {
    const sample = sampleAt(Date.now())
    this.#samples.push(sample)
    const text = messageOf('sample', sample) + messageOf('topology', this.#topology)
    for (const stream of this.#streams) stream.write(text)
  }

  #answer(path: string): unknown {
    if (path === '/v1/samples') return { everyMs: 1000, samples: this.#samples.slice(-HOUR) }
    if (path === '/v1/events') return { events: [] }
    if (path === '/v1/jobs') return { jobs: [] }
    return { name: 'scratch', version: '0', isSharded: false, may: { act: true } }
  }
}

const TOKEN_NEEDED = {
  type: 'about:blank',
  title: 'A token is needed',
  status: 401,
  detail: 'This needs a token.',
  code: 'TOKEN_NEEDED',
  hint: 'Make one with pgherd token.',
  retryable: false,
  sqlState: null,
  position: null,
}

function sampleAt(at: number): Sample {
  const wave = (index: number) => 1 + Math.sin(at / 20_000 + index) + Math.sin(at / 1700 + index * 7) / 3
  const nodes = Array.from({ length: NODES }, (_, index) => ({
    name: `main-${index + 1}`,
    lagBytes: index === 0 ? null : Math.abs(1000 * wave(index)),
    lagMs: index === 0 ? null : Math.abs(wave(index)),
    readsPerSecond: 100 * Math.abs(wave(index)),
    writesPerSecond: index === 0 ? 50 : 0,
    connections: index,
    transactionsPerSecond: 200 * Math.abs(wave(index)),
  }))
  return {
    at,
    nodes,
    latencyMs: { p50: 1, p95: wave(1) + 2, p99: wave(2) + 4 },
    clients: 9,
    serverConnections: 5,
    lanes: 2,
  }
}

function messageOf(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

function sendJson(response: ServerResponse, status: number, data: unknown, type = 'application/json'): void {
  response.writeHead(status, { 'content-type': type })
  response.end(JSON.stringify(data))
}

function sendFile(response: ServerResponse, path: string): void {
  try {
    const content = readFileSync(join(PAGE, normalize(path === '/' ? '/index.html' : path)))
    const type = TYPES[extname(path)] ?? 'text/html'
    // No more than the page needs: it has to work under the strictest policy.
    response.writeHead(200, { 'content-type': type, 'content-security-policy': "default-src 'self'" })
    response.end(content)
  } catch {
    response.writeHead(404).end()
  }
}
