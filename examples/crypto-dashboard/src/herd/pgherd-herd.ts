import { fileURLToPath } from 'node:url'
import { sizeOfHerd } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import { findHerd, findRunningHerd, type RunningHerd, runPgherd } from 'pgherd'

const SPEC = fileURLToPath(new URL('../../herd.yaml', import.meta.url))
const NAME = 'crypto'

/** Beside herd.yaml, where `pgherd` looks too. */
export const USUAL_STATE = fileURLToPath(new URL('../../.pgherd', import.meta.url))

/** The herd in this state folder; null when none runs there. */
export function findRunning(stateDir: string): Promise<RunningHerd | null> {
  return findRunningHerd(stateDir, NAME)
}

/** Starts it by `pgherd up`, with a supervisor of its own process, as it would be in earnest; whole when this resolves. */
export async function startHerd(stateDir: string): Promise<RunningHerd> {
  await runPgherd('up', SPEC, '--detach', '--state', stateDir)
  const running = await findRunning(stateDir)
  if (running === null) throw new HerdError('HERD_NOT_RUNNING', 'The herd ended again at once.')
  return running
}

/** Stops every server; the data stays. Says false when there is no herd. */
export async function stopHerd(stateDir: string): Promise<boolean> {
  if ((await findHerd(stateDir, NAME)) === null) return false
  await runPgherd('down', '--state', stateDir, '--name', NAME)
  return true
}

/** What wiping would delete; null when there is nothing. */
export async function describeData(stateDir: string): Promise<string | null> {
  const herd = await findHerd(stateDir, NAME)
  if (herd === null) return null
  const { nodes, kept } = await sizeOfHerd(herd)
  const alsoKept = kept.length === 0 ? '' : `, and what was kept aside in ${kept.join(', ')}`
  return `all prices, trades and ${nodes} servers of "${NAME}" in ${herd.identity.dataRoot}${alsoKept}`
}

/** Stops every server and deletes what it holds: only after a person's word. */
export async function destroyHerd(stateDir: string): Promise<void> {
  await runPgherd('down', '--state', stateDir, '--name', NAME, '--destroy', '--yes')
}
