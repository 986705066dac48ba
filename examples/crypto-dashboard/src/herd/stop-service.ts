import { setTimeout as delay } from 'node:timers/promises'
import { HerdError } from '@pgherd/core'
import { readService } from './service-record.js'

const PATIENCE_MS = 60_000

/** Has the dashboard of this state folder end, as Ctrl-C would. Says whether one ran. Throws OPERATION_FAILED. */
export async function stopService(stateDir: string): Promise<boolean> {
  const service = await readService(stateDir)
  if (service === null) return false
  process.kill(service.pid, 'SIGTERM')
  const deadline = performance.now() + PATIENCE_MS
  while ((await readService(stateDir)) !== null) {
    if (performance.now() > deadline)
      throw new HerdError('OPERATION_FAILED', `The dashboard (process ${service.pid}) does not end.`)
    await delay(50)
  }
  return true
}
