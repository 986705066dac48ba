import { setTimeout as sleep } from 'node:timers/promises'
import type { HerdPaths } from '@pgherd/cluster'
import { startTokenOf } from '@pgherd/cluster/process-identity'
import { ProxyControlClient } from './proxy-control.js'
import { type ProxyRecord, readProxyRecord, removeStaleProxy } from './proxy-record.js'

const POLL_MS = 10
const PATIENCE_MS = 3000

/**
 * Ends the proxy of a herd that is running, whoever started it: asked over its socket to let transactions
 * finish for so long, and killed when it does not answer or does not end.
 */
export async function endLeftProxy(
  paths: HerdPaths,
  graceMs: number,
  { waitForEnd = true }: { readonly waitForEnd?: boolean } = {},
): Promise<void> {
  const left = readProxyRecord(paths.proxyRecord)
  if (left !== null) await end(left, paths, graceMs, waitForEnd)
  removeStaleProxy(paths.proxyRecord, paths.proxySocket)
}

async function end(left: ProxyRecord, paths: HerdPaths, graceMs: number, waitForEnd: boolean): Promise<void> {
  const isAsked = await new ProxyControlClient(paths.proxySocket).stop(graceMs).then(
    () => true,
    () => false,
  )
  if (isAsked && !waitForEnd) return
  if (!isAsked) signal(left, 'SIGTERM')
  if (await isGone(left, isAsked ? graceMs + PATIENCE_MS : PATIENCE_MS)) return
  signal(left, 'SIGKILL')
  await isGone(left, PATIENCE_MS)
}

function signal(process_: ProxyRecord, name: NodeJS.Signals): void {
  if (startTokenOf(process_.pid) !== process_.startToken) return
  try {
    process.kill(process_.pid, name)
  } catch {
    // It has ended in between.
  }
}

async function isGone({ pid, startToken }: ProxyRecord, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  while (startTokenOf(pid) === startToken) {
    if (performance.now() > deadline) return false
    await sleep(POLL_MS)
  }
  return true
}
