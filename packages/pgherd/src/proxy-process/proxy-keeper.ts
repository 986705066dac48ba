import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Herd } from '@pgherd/cluster'
import { endLeftProxy } from './left-proxy.js'
import { ProxyControlClient } from './proxy-control.js'
import type { ProxyJob, ProxyReport } from './proxy-job.js'
import { readProxyRecord } from './proxy-record.js'

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000
/** A proxy that has served for so long did not fail at once. */
const PROVEN_MS = 10_000
/** Transactions that are open may go on for so long when the herd is stopped, or the proxy replaced. */
const STOP_GRACE_MS = 2000
const REPLACE_GRACE_MS = 30_000
const ENDED_POLL_MS = 20
/** A proxy that misses so many looks in a row hangs: nothing it does for a client takes so long. */
const LOOK_EVERY_MS = 2000
const LOOK_MS = 3000
const MISSES = 4

/** A proxy that serves: `ended` says why it does no more. */
interface Running {
  readonly address: { readonly host: string; readonly port: number }
  readonly ended: Promise<string>
}

/**
 * Keeps the proxy of a herd running: takes over the one that an earlier supervisor left, or starts it, and
 * starts it again when it dies, with pauses that grow.
 */
export class ProxyKeeper {
  readonly #herd: Herd
  readonly #jobNow: () => ProxyJob | null
  #job: ProxyJob | null
  readonly #closing = new AbortController()
  #kept: Promise<void> | null = null
  #lastFailure = ''
  readonly #settled: Promise<void>
  #settle: () => void = () => {}

  /** `jobNow`: what the proxy is to do, which changes when nodes come and go. */
  constructor(herd: Herd, jobNow: () => ProxyJob | null) {
    this.#herd = herd
    this.#jobNow = jobNow
    this.#job = jobNow()
    this.#settled = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  /** Begins once there is a primary: before that nobody could be served. */
  start(): void {
    this.#kept ??= this.#keep().catch((error: unknown) => this.#tell('proxy-failed', String(error)))
  }

  /** Resolves when the proxy serves, could not be started, or did not for so long. */
  async whenSettled(timeoutMs: number): Promise<void> {
    if (this.#job === null) return
    const ended = new AbortController()
    await Promise.race([
      this.#settled,
      sleep(timeoutMs, undefined, { signal: ended.signal }).catch(() => {}),
      new Promise((resolve) => this.#closing.signal.addEventListener('abort', resolve, { once: true })),
    ])
    ended.abort()
  }

  /** A line to the proxy that serves now; null while none does. */
  get control(): ProxyControlClient | null {
    return this.#herd.proxy === null || this.#job === null ? null : new ProxyControlClient(this.#job.socket)
  }

  async #keep(): Promise<void> {
    if (this.#job === null) {
      // The spec does not want it any more.
      await endLeftProxy(this.#herd.paths, STOP_GRACE_MS)
      return
    }
    await this.#whenPrimary()
    let pauseMs = FIRST_PAUSE_MS
    while (!this.#closing.signal.aborted) {
      const beganMs = performance.now()
      this.#job = this.#jobNow() ?? this.#job
      await this.#serveOnce(this.#job)
      if (performance.now() - beganMs > PROVEN_MS) pauseMs = FIRST_PAUSE_MS
      await sleep(pauseMs, undefined, { signal: this.#closing.signal }).catch(() => {})
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
    }
  }

  #whenPrimary(): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#herd.primaryOf() === null && !this.#closing.signal.aborted) return
        stop()
        resolve()
      }
      const stop = this.#herd.onChange(look)
      this.#closing.signal.addEventListener('abort', look, { once: true })
      look()
    })
  }

  async #serveOnce(job: ProxyJob): Promise<void> {
    try {
      const running = (await this.#adopt(job)) ?? (await this.#launch(job))
      this.#lastFailure = ''
      this.#herd.proxy = running.address
      this.#settle()
      const control = new ProxyControlClient(job.socket)
      const stopTelling = this.#tellOfNodes(control)
      const why = await this.#whenOver(running.ended, control).finally(stopTelling)
      this.#herd.proxy = null
      if (!this.#closing.signal.aborted) this.#tell('proxy-exited', `The proxy ended (${why}).`)
    } catch (error) {
      this.#herd.proxy = null
      const message = (error as Error).message.replace(/\.$/, '')
      if (!this.#closing.signal.aborted && message !== this.#lastFailure)
        this.#tell('proxy-failed', `The proxy cannot be started: ${message}. It is tried again.`)
      this.#lastFailure = message
      this.#settle()
    }
  }

  /** Tells the proxy that serves of nodes that come and go; returns how to stop. */
  #tellOfNodes(control: ProxyControlClient): () => void {
    let told = JSON.stringify(this.#job?.options.nodes)
    let seen: number | null = null
    const look = (): void => {
      if (seen === this.#herd.membershipVersion) return
      seen = this.#herd.membershipVersion
      const job = this.#jobNow()
      const nodes = JSON.stringify(job?.options.nodes)
      if (job === null || nodes === told) return
      told = nodes
      this.#job = job
      control.reload(job).catch(() => {
        // Again with whatever happens next.
        told = ''
        seen = null
      })
    }
    look()
    return this.#herd.onChange(look)
  }

  /** Why it serves no more: it has ended, or was ended because it hung. */
  async #whenOver(ended: Promise<string>, control: ProxyControlClient): Promise<string> {
    const over = new AbortController()
    const { signal } = over
    const hung = async (): Promise<string> => {
      for (let misses = 0; misses < MISSES; ) {
        await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false })
        misses = await control.describe(LOOK_MS).then(
          () => 0,
          () => misses + 1,
        )
      }
      this.#herd.proxy = null
      await endLeftProxy(this.#herd.paths, 0)
      return 'it hung'
    }
    try {
      return await Promise.race([
        ended,
        // Looking ends with the proxy.
        hung().catch(() => ended),
      ])
    } finally {
      over.abort()
    }
  }

  /** The proxy that an earlier supervisor left, if it is what this one would start. */
  async #adopt(job: ProxyJob): Promise<Running | null> {
    const left = readProxyRecord(job.record)
    if (left === null) return null
    const control = new ProxyControlClient(job.socket)
    const described = await control.describe().catch(() => null)
    if (described?.fingerprint === job.fingerprint) {
      await control.reload(job)
      this.#tell('proxy-adopted', `The proxy at ${show(described.address)} was running already.`)
      return { address: described.address, ended: control.whenGone().then(() => 'its process is gone') }
    }
    // It stops listening at once, and lets transactions finish while the next one serves already.
    await endLeftProxy(this.#herd.paths, REPLACE_GRACE_MS, { waitForEnd: false })
    return null
  }

  async #launch(job: ProxyJob): Promise<Running> {
    if (this.#closing.signal.aborted) throw new Error('the herd is being stopped')
    const { proxyLog, root } = this.#herd.paths
    const log = openSync(proxyLog, 'a', 0o600)
    const program = fileURLToPath(new URL('./serve-proxy-main.js', import.meta.url))
    // The folder is for a person who looks at a list of processes.
    const child = spawn(process.execPath, [program, root], {
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
      env: { ...withoutLibpq(process.env), NO_COLOR: '1' },
    })
    const ended = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`))
      child.once('error', ({ message }) => resolve(message))
    })
    const report = await Promise.race([reportOf(child, job), ended])
    if (typeof report === 'string') throw new Error(`it ended at once (${report}); see ${proxyLog}`)
    if (report.kind === 'failed') throw new Error(report.message)
    child.unref()
    this.#tell('proxy-started', `The proxy serves at ${show(report.address)}.`)
    return { address: report.address, ended }
  }

  #tell(kind: string, message: string): void {
    this.#herd.events.add({ at: new Date().toISOString(), kind, group: null, node: null, message })
  }

  /** Stops the proxy with the herd, or leaves it to the next supervisor. */
  async close(how: 'stop' | 'leave'): Promise<void> {
    this.#closing.abort()
    if (how === 'stop') {
      let isOver = this.#kept === null
      const over = this.#kept?.then(() => {
        isOver = true
      })
      // One that is just starting cannot be spoken to yet.
      do {
        await endLeftProxy(this.#herd.paths, STOP_GRACE_MS)
        await Promise.race([over, sleep(ENDED_POLL_MS)])
      } while (!isOver)
    }
    this.#herd.proxy = null
  }
}

/** What a person has set for psql is not meant for connections between the proxy and its nodes. */
function withoutLibpq(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^PG(?!HERD)/.test(name)))
}

function reportOf(child: ChildProcess, job: ProxyJob): Promise<ProxyReport> {
  return new Promise((resolve) => {
    child.once('message', (message) => resolve(message as ProxyReport))
    child.send(job, () => {})
  })
}

function show({ host, port }: Running['address']): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
