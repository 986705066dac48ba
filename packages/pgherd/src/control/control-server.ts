import { chmodSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Herd } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import type { ProxyKeeper } from '../proxy-process/proxy-keeper.js'
import { CONTROL_ROUTES, type ControlRequest, type ControlRoute } from './control-routes.js'
import { streamEvents } from './stream-events.js'

const MAX_BODY_BYTES = 64 * 1024

/** Listens on the herd's socket for `pgherd status`, `failover` and the others; only its owner can connect. */
export class ControlServer {
  readonly #server: Server
  readonly #socket: string

  private constructor(server: Server, socket: string) {
    this.#server = server
    this.#socket = socket
  }

  /** `onStop` is called when a client asks this supervisor to end. */
  static async listen(
    herd: Herd,
    onStop: ControlRequest['stop'],
    keeper: ProxyKeeper | null = null,
  ): Promise<ControlServer> {
    const { socket } = herd.paths
    // The herd's lock is ours, so a socket that is there was left by a supervisor that died.
    rmSync(socket, { force: true })
    const server = createServer((request, response) => {
      answer(herd, keeper, request, response, onStop).catch(() => response.destroy())
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(socket, resolve)
    })
    chmodSync(socket, 0o600)
    return new ControlServer(server, socket)
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
    rmSync(this.#socket, { force: true })
  }
}

async function answer(
  herd: Herd,
  keeper: ProxyKeeper | null,
  request: IncomingMessage,
  response: ServerResponse,
  onStop: ControlRequest['stop'],
): Promise<void> {
  let afterwards: 'stop' | 'leave' | null = null
  try {
    const url = new URL(request.url ?? '/', 'http://pgherd')
    if (url.pathname === '/v1/events' && request.headers.accept === 'text/event-stream') {
      streamEvents(herd, response)
      return
    }
    const { route, params } = findRoute(request.method ?? 'GET', url.pathname)
    const body = await readBody(request)
    const stop = (how: 'stop' | 'leave'): void => {
      afterwards = how
    }
    send(response, 200, await route.handle({ herd, keeper, params, query: url.searchParams, body, stop }))
  } catch (error) {
    const herdError =
      error instanceof HerdError ? error : new HerdError('INTERNAL', String((error as Error)?.stack ?? error))
    send(response, herdError.code === 'INTERNAL' ? 500 : 409, herdError.toJSON())
  }
  if (afterwards !== null) onStop(afterwards)
}

function findRoute(method: string, path: string): { route: ControlRoute; params: Record<string, string> } {
  for (const route of CONTROL_ROUTES) {
    const params = matchPath(route.path, path)
    if (route.method === method && params !== null) return { route, params }
  }
  throw new HerdError('USAGE', `The supervisor has no ${method} ${path}.`)
}

function matchPath(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split('/')
  const given = path.split('/')
  if (wanted.length !== given.length) return null
  const params: Record<string, string> = {}
  for (const [index, part] of wanted.entries()) {
    const value = decodeURIComponent(given[index] as string)
    if (part.startsWith(':')) params[part.slice(1)] = value
    else if (part !== value) return null
  }
  return params
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw new HerdError('USAGE', 'The request is too large.')
    chunks.push(chunk)
  }
  if (bytes === 0) return undefined
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new HerdError('USAGE', 'The request is not JSON.')
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
