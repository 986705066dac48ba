import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Herd, herdPaths, makePrivateFolder, openHerd } from '@pgherd/cluster'
import { type ErrorCode, HerdError, type HerdStatus } from '@pgherd/core'
import pc from 'picocolors'
import type { ControlApi } from '../api/control-api.js'
import { proxyJobOf } from '../proxy-process/proxy-job.js'
import { ProxyKeeper } from '../proxy-process/proxy-keeper.js'
import { readProxyRecord } from '../proxy-process/proxy-record.js'
import { switchOver } from '../proxy-process/switch-over.js'
import { renderEvent } from '../view/render-event.js'
import { renderStatus } from '../view/render-status.js'
import type { LocatedSpec } from './herd-location.js'
import { describeConnections } from './print-connections.js'
import { version } from './version.js'

export interface UpOptions {
  json: boolean
}

/** What a detached supervisor tells the command that started it, once. */
export type DetachedReport =
  | { kind: 'up'; status: HerdStatus; connections: string; dsn: string }
  | { kind: 'failed'; code: ErrorCode; message: string; hint?: string }

/** How long `up` waits for the proxy once the herd is whole. */
const PROXY_MS = 10_000

/** Brings the herd up and supervises it in this terminal until it is told to stop. Resolves to the exit code. */
export async function runUp(located: LocatedSpec, options: UpOptions): Promise<number> {
  const stopping = new StopRequest()
  const opened = await openWithControl(located, stopping)
  const { herd, keeper } = opened
  const live = process.stdout.isTTY && !options.json
  // Drawing in place needs a library that a supervisor without a terminal can do without.
  const view = live
    ? new (await import('../view/live-view.js')).LiveView(
        herd,
        () => stopping.ask(),
        (group) => switchOver(herd, keeper, group, null),
      )
    : null
  const print = view === null && !options.json
  if (print) herd.onEvent((event) => console.log(renderEvent(event)))
  view?.start()
  keeper.start()
  try {
    await Promise.race([whenUp(herd, keeper, stopping), stopping.asked])
    if (!stopping.isAsked) {
      view?.print(`${describeConnections(herd)}\n`)
      if (print) console.log(`\n${renderStatus(await herd.status())}\n\n${describeConnections(herd)}\n`)
      if (options.json) console.log(JSON.stringify({ ...(await herd.status()), dsn: herd.dsn() }))
      await stopping.asked
    }
    // A stop that was asked for is a success, whoever asked.
    return 0
  } finally {
    view?.stop()
    if (!options.json) console.log(pc.dim('Stopping every server; the data stays.'))
    await close(opened)
  }
}

async function whenUp(herd: Herd, keeper: ProxyKeeper, stopping: StopRequest): Promise<void> {
  await herd.whenWhole(60_000, stopping.signal)
  await keeper.whenSettled(PROXY_MS)
}

interface Opened {
  readonly herd: Herd
  readonly control: ControlApi
  readonly keeper: ProxyKeeper
}

/** The proxy first, so that its clients' transactions still have servers to finish on. */
async function close({ herd, control, keeper }: Opened): Promise<void> {
  await control.close()
  await keeper.close('stop')
  await herd.stop()
}

/** A herd that cannot be spoken to is not left running. */
async function openWithControl(located: LocatedSpec, stopping: StopRequest): Promise<Opened> {
  const { proxyRecord } = herdPaths(located.stateDir, located.spec.name)
  // While servers start there is time to load what answers for them.
  const loading = import('../api/control-api.js')
  const herd = await openHerd({
    ...located,
    proxy: { runs: readProxyRecord(proxyRecord) !== null },
    api: true,
  })
  const keeper = new ProxyKeeper(herd, () => proxyJobOf(herd, version()))
  try {
    const { ControlApi } = await loading
    return { herd, keeper, control: await ControlApi.listen(herd, () => stopping.ask(), keeper) }
  } catch (error) {
    await herd.stop()
    throw error
  }
}

/** Supervises without a terminal and reports to the parent over the channel it opened. */
export async function runDetached(located: LocatedSpec): Promise<number> {
  const stopping = new StopRequest()
  const report = (message: DetachedReport): void => {
    process.send?.(message, () => process.disconnect?.())
  }
  let opened: Opened
  try {
    opened = await openWithControl(located, stopping)
  } catch (error) {
    report(failure(error))
    return 1
  }
  const { herd, keeper } = opened
  herd.onEvent((event) => console.log(renderEvent(event)))
  keeper.start()
  try {
    await Promise.race([whenUp(herd, keeper, stopping), stopping.asked])
    if (!stopping.isAsked) {
      report({
        kind: 'up',
        status: await herd.status(),
        connections: describeConnections(herd),
        dsn: herd.dsn(),
      })
    }
    await stopping.asked
    return 0
  } catch (error) {
    report(failure(error))
    return 1
  } finally {
    await close(opened)
  }
}

/** Starts a supervisor that outlives this command, and resolves when the herd serves. */
export async function startDetached(
  located: LocatedSpec,
  argumentsForChild: readonly string[],
): Promise<Extract<DetachedReport, { kind: 'up' }>> {
  const { supervisorLog, root } = herdPaths(located.stateDir, located.spec.name)
  await makePrivateFolder(root)
  const log = openSync(supervisorLog, 'a', 0o600)
  const bin = fileURLToPath(new URL('../bin.js', import.meta.url))
  const child = spawn(process.execPath, [bin, 'supervise', ...argumentsForChild], {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
    env: { ...process.env, NO_COLOR: '1' },
  })
  // Ctrl-C here means the whole undertaking: the child is in a session of its own and must be told.
  const cancel = (): void => {
    child.kill('SIGTERM')
  }
  process.once('SIGINT', cancel).once('SIGTERM', cancel).once('SIGHUP', cancel)
  const report = await firstReport(child, supervisorLog)
  child.unref()
  if (report.kind === 'up') return report
  throw new HerdError(report.code, report.message, report.hint === undefined ? {} : { hint: report.hint })
}

function firstReport(child: ChildProcess, logFile: string): Promise<DetachedReport> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as DetachedReport))
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      if (signal === 'SIGTERM' || code === 0) {
        resolve({ kind: 'failed', code: 'INTERRUPTED', message: 'Interrupted while the herd was coming up.' })
      } else {
        const message = `The supervisor ended (${signal ?? `code ${code}`}) before the herd was up; see ${logFile}.`
        resolve({ kind: 'failed', code: 'OPERATION_FAILED', message })
      }
    })
  })
}

function failure(error: unknown): DetachedReport {
  if (error instanceof HerdError) return { kind: 'failed', ...error.toJSON() }
  return { kind: 'failed', code: 'INTERNAL', message: String((error as Error)?.stack ?? error) }
}

/** Someone wants this supervisor to end: a key, a signal, the closing of the terminal, `pgherd down`. */
class StopRequest {
  readonly #controller = new AbortController()
  readonly asked: Promise<void>

  constructor() {
    this.asked = new Promise((resolve) => {
      this.signal.addEventListener('abort', () => resolve(), { once: true })
    })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.ask())
    // A terminal that was closed: what cannot be printed any more must not end us half-way.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get isAsked(): boolean {
    return this.signal.aborted
  }

  ask(): void {
    this.#controller.abort()
  }
}
