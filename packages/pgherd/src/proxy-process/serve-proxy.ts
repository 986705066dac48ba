import { type ProxyOptions, type ServingProxy, startProxy } from '@pgherd/proxy'
import { ProxyControl } from './proxy-control.js'
import type { ProxyJob, ProxyReport } from './proxy-job.js'
import { readProxyRecord, removeProxyRecord, writeProxyRecord } from './proxy-record.js'
import { readProxyTls } from './read-proxy-tls.js'

const GRACE_MS = 30_000

/**
 * The process of a herd's proxy. It outlives the supervisor that started it (I10): what it is to do comes
 * over the channel to its parent, credentials and all, and from then on it is spoken to over its socket.
 */
export async function serveProxy(): Promise<void> {
  let job = await new Promise<ProxyJob>((resolve) => {
    process.once('message', (message) => resolve(message as ProxyJob))
    process.once('disconnect', () => process.exit(1))
  })
  process.removeAllListeners('disconnect')
  // Whoever printed for us may be gone.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  writeProxyRecord(job.record, null)
  let proxy: ServingProxy
  let control: ProxyControl
  let isStopping = false
  /** Named for a person who looks at a list of processes. */
  const [folder] = process.argv.slice(2)
  const stop = (graceMs: number): void => {
    if (isStopping) end()
    isStopping = true
    proxy.stop({ graceMs }).then(end, end)
  }
  const end = (): void => {
    control.close(readProxyRecord(job.record)?.pid !== process.pid)
    removeProxyRecord(job.record)
    process.exit(0)
  }
  const optionsNow = async (): Promise<ProxyOptions> => ({ ...job.options, ...readProxyTls(job.tls) })
  const reload = (changed: ProxyJob): Promise<void> => {
    job = changed
    return proxy.reload()
  }
  try {
    const { socket, fingerprint } = job
    proxy = await startProxy(await optionsNow(), {
      reload: optionsNow,
      shutdown: () => stop(GRACE_MS),
      ...(folder === undefined ? {} : { label: folder }),
    })
    control = await ProxyControl.listen(socket, { proxy, fingerprint, reload, stop })
  } catch (error) {
    removeProxyRecord(job.record)
    report({ kind: 'failed', message: whyNotServing(error) }, () => process.exit(1))
    return
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop(GRACE_MS))
  process.on('SIGHUP', () => {
    proxy.reload().catch(({ message }: Error) => console.log(`The settings stay as they are: ${message}`))
  })
  writeProxyRecord(job.record, proxy.address)
  proxy.on('event', ({ message }) => console.log(`${new Date().toISOString()} ${message}`))
  report({ kind: 'serving', address: proxy.address }, () => {
    if (process.connected) process.disconnect()
  })
}

function report(report: ProxyReport, then: () => void): void {
  if (process.send === undefined || !process.connected) then()
  else process.send(report, then)
}

function whyNotServing(error: unknown): string {
  const { code, message, port, address } = error as NodeJS.ErrnoException & {
    port?: number
    address?: string
  }
  return code === 'EADDRINUSE' ? `port ${port} at ${address} is in use` : message
}
