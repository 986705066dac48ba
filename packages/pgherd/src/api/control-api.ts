import { chmodSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Herd } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import type { FastifyInstance } from 'fastify'
import { version } from '../cli/version.js'
import type { ProxyKeeper } from '../proxy-process/proxy-keeper.js'
import { AuditLog } from './access/audit-log.js'
import { Guard } from './access/guard.js'
import { TokenStore } from './access/token-store.js'
import { buildApi, TIME_LIMITS } from './build-api.js'
import { HerdAsker } from './herd-asker.js'
import { HerdActions } from './jobs/herd-actions.js'
import { JobBoard } from './jobs/job-board.js'
import { HerdMetrics } from './metrics/herd-metrics.js'
import { findPage } from './page.js'
import { Sampler } from './samples/sampler.js'
import { SqlDesk } from './sql/sql-desk.js'
import { EventStream } from './stream/event-stream.js'

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 10_000

/**
 * The control API of a running herd: on the herd's socket, which only its owner can open and which all commands
 * use, and over HTTP where the spec wants it.
 */
export class ControlApi {
  readonly #herd: Herd
  readonly #api: FastifyInstance
  readonly #socketServer: Server
  readonly #closing: (() => Promise<void> | void)[]
  #timer: NodeJS.Timeout | null = null
  #isClosed = false

  private constructor(
    herd: Herd,
    api: FastifyInstance,
    socketServer: Server,
    closing: (() => Promise<void> | void)[],
  ) {
    this.#herd = herd
    this.#api = api
    this.#socketServer = socketServer
    this.#closing = closing
  }

  /**
   * `onStop` is called when somebody asks this supervisor to end. An address that is taken is told of as an
   * event and tried again: whoever supervises servers goes on. Throws OPTIONS_INVALID for a certificate that
   * cannot be read.
   */
  static async listen(
    herd: Herd,
    onStop: () => void,
    keeper: ProxyKeeper | null = null,
    page: string | null = findPage(),
  ): Promise<ControlApi> {
    const { spec, paths } = herd
    const settings = spec.api === false || herd.apiAddress === null ? null : spec.api
    const own = new WeakSet<IncomingMessage>()
    const isOwn = (message: IncomingMessage): boolean => own.has(message)
    const audit = new AuditLog(paths.audit)
    await audit.open()
    const jobs = new JobBoard()
    const samples = new Sampler(herd, keeper)
    const stream = new EventStream({ herd, jobs, samples })
    const metrics = new HerdMetrics({
      herd,
      keeper,
      jobs,
      samples,
      streams: () => stream.readers,
      version: version(),
    })
    const sql = new SqlDesk(herd)
    const guard = new Guard({
      host: settings?.host ?? null,
      isTls: settings?.tls != null,
      alwaysTokens: settings?.tokens === 'always',
      tokens: new TokenStore(paths.tokens),
      isOwn,
    })
    const api = await buildApi(
      {
        herd,
        keeper,
        version: version(),
        startedAt: new Date().toISOString(),
        jobs,
        actions: new HerdActions(herd, keeper, jobs, onStop),
        stream,
        samples,
        asker: new HerdAsker(herd),
        sql,
        audit,
        guard,
        metrics,
      },
      { tls: settings?.tls == null ? null : readTls(settings.tls), page, isOwn },
    )
    await api.ready()
    const socketServer = createServer(TIME_LIMITS, (request, response) => {
      own.add(request)
      api.routing(request, response)
    })
    await listenOn(socketServer, paths.socket)
    samples.start()
    const close = [
      () => stream.close(),
      () => samples.close(),
      () => metrics.close(),
      () => sql.close(),
      () => audit.flush(),
    ]
    const control = new ControlApi(herd, api, socketServer, close)
    if (settings !== null) await control.#serve(FIRST_PAUSE_MS)
    return control
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#herd.api = null
    if (this.#timer !== null) clearTimeout(this.#timer)
    for (const close of this.#closing) await close()
    this.#socketServer.closeAllConnections()
    await new Promise((resolve) => this.#socketServer.close(resolve))
    rmSync(this.#herd.paths.socket, { force: true })
    await this.#api.close()
  }

  async #serve(pauseMs: number): Promise<void> {
    const address = this.#herd.apiAddress as { host: string; port: number }
    try {
      await this.#api.listen(address)
      const isTls = this.#herd.spec.api !== false && this.#herd.spec.api.tls !== null
      this.#herd.api = { url: urlOf(address, isTls) }
    } catch (error) {
      if (pauseMs === FIRST_PAUSE_MS) this.#tellOf(error as NodeJS.ErrnoException, address)
      if (this.#isClosed) return
      this.#timer = setTimeout(() => void this.#serve(Math.min(2 * pauseMs, LONGEST_PAUSE_MS)), pauseMs)
      this.#timer.unref()
    }
  }

  #tellOf({ code, message }: NodeJS.ErrnoException, { host, port }: { host: string; port: number }): void {
    const why = code === 'EADDRINUSE' ? `port ${port} at ${host} is in use` : message
    this.#herd.events.add({
      at: new Date().toISOString(),
      kind: 'api-failed',
      group: null,
      node: null,
      message: `The control API cannot be served: ${why}. It is tried again; another port is said by "api.port".`,
    })
  }
}

/** Servers that listen everywhere are reached on this machine's own address. */
const EVERYWHERE: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

function urlOf({ host, port }: { host: string; port: number }, isTls: boolean): string {
  const shown = EVERYWHERE[host] ?? host
  return `${isTls ? 'https' : 'http'}://${shown.includes(':') ? `[${shown}]` : shown}:${port}`
}

async function listenOn(server: Server, socket: string): Promise<void> {
  // The herd's lock is ours, so a socket that is there was left by a supervisor that died.
  rmSync(socket, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socket, resolve)
  })
  chmodSync(socket, 0o600)
}

function readTls({ cert, key }: { cert: string; key: string }): { cert: string; key: string } {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8')
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      throw new HerdError('OPTIONS_INVALID', `The file ${path}, named for TLS, cannot be read (${code}).`, {
        cause,
      })
    }
  }
  return { cert: read(cert), key: read(key) }
}
