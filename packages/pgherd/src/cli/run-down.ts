import { confirm, isCancel } from '@clack/prompts'
import {
  destroyHerd,
  type LeftHerd,
  readSupervisor,
  sizeOfHerd,
  stopLeftServers,
} from '@pgherd/cluster/on-disk'
import { HerdError } from '@pgherd/core'
import { endLeftProxy } from '../proxy-process/left-proxy.js'
import { supervisorOf } from './herd-location.js'

export interface DownOptions {
  destroy?: boolean
  yes?: boolean
}

const STOP_TIMEOUT_MS = 60_000
/** What clients of a proxy that nobody supervises may take to end their transactions. */
const PROXY_GRACE_MS = 2000

/** Stops the herd and keeps its data, or deletes it when a person said so and confirmed. */
export async function runDown(herd: LeftHerd, options: DownOptions): Promise<string> {
  const { name } = herd.identity.spec
  if (options.destroy && !(await isConfirmed(herd, options)))
    return `Nothing was done: "${name}" is as it was.`
  await stopHerd(herd)
  if (!options.destroy) return `"${name}" is stopped; its data stays. "pgherd up" carries on with it.`
  await destroyHerd(herd)
  return `"${name}" is stopped and its data is deleted.`
}

async function stopHerd(herd: LeftHerd): Promise<void> {
  const supervisor = supervisorOf(herd)
  if (supervisor === null) {
    await endLeftProxy(herd.paths, PROXY_GRACE_MS)
    await stopLeftServers(herd)
    return
  }
  await supervisor.stop()
  const deadline = performance.now() + STOP_TIMEOUT_MS
  while (readSupervisor(herd.paths.lock) !== null) {
    if (performance.now() > deadline) {
      throw new HerdError('SERVER_STOP_TIMEOUT', `The herd did not stop within ${STOP_TIMEOUT_MS / 1000} s.`)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function isConfirmed(herd: LeftHerd, options: DownOptions): Promise<boolean> {
  if (options.yes) return true
  const { nodes, kept } = await sizeOfHerd(herd)
  const what = `all data of "${herd.identity.spec.name}": ${nodes} nodes in ${herd.identity.dataRoot}`
  const alsoKept = kept.length === 0 ? '' : `, and what was kept aside in ${kept.join(', ')}`
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new HerdError('CONFIRMATION_NEEDED', `--destroy deletes ${what}${alsoKept}.`, {
      hint: 'Say so with --yes.',
    })
  }
  const answer = await confirm({ message: `Delete ${what}${alsoKept}?`, initialValue: false })
  return !isCancel(answer) && answer
}
