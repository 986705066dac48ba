import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { dsnOf, type LeftHerd, readLeftHerd, readSupervisor, sizeOfHerd } from '@pgherd/cluster'
import { HerdError, type HerdStatus } from '@pgherd/core'
import { ControlClient } from 'pgherd'
import type { HerdView } from './herd-view.js'

const SPEC = fileURLToPath(new URL('../../herd.yaml', import.meta.url))
const PROGRAM = join(dirname(fileURLToPath(import.meta.resolve('pgherd'))), 'bin.js')
const NAME = 'crypto'

/** Beside herd.yaml, where `pgherd` looks too. */
export const USUAL_STATE = fileURLToPath(new URL('../../.pgherd', import.meta.url))

/** A herd that runs, and a line to its supervisor. */
export class RunningHerd implements HerdView {
  readonly socket: string
  readonly #herd: LeftHerd
  readonly #control: ControlClient

  constructor(herd: LeftHerd, supervisor: { pid: number; startToken: string; socket: string }) {
    this.socket = supervisor.socket
    this.#herd = herd
    this.#control = new ControlClient(supervisor)
  }

  topology(): Promise<HerdStatus> {
    return this.#control.topology()
  }

  dsnOf(node: string | null): Promise<string> {
    return dsnOf(this.#herd, node, 'application')
  }
}

/** The herd in this state folder; null when none runs there. */
export async function findRunning(stateDir: string): Promise<RunningHerd | null> {
  const herd = await findHerd(stateDir)
  const supervisor = herd === null ? null : readSupervisor(herd.paths.lock)
  if (herd === null || supervisor === null || supervisor.socket === '') return null
  return new RunningHerd(herd, supervisor)
}

/** Starts it by `pgherd up`, with a supervisor of its own process, as it would be in earnest; whole when this resolves. */
export async function startHerd(stateDir: string): Promise<RunningHerd> {
  await pgherd('up', SPEC, '--detach', '--state', stateDir)
  const running = await findRunning(stateDir)
  if (running === null) throw new HerdError('HERD_NOT_RUNNING', 'The herd ended again at once.')
  return running
}

/** Stops every server; the data stays. Says false when there is no herd. */
export async function stopHerd(stateDir: string): Promise<boolean> {
  if ((await findHerd(stateDir)) === null) return false
  await pgherd('down', '--state', stateDir, '--name', NAME)
  return true
}

/** What wiping would delete; null when there is nothing. */
export async function describeData(stateDir: string): Promise<string | null> {
  const herd = await findHerd(stateDir)
  if (herd === null) return null
  const { nodes, kept } = await sizeOfHerd(herd)
  const alsoKept = kept.length === 0 ? '' : `, and what was kept aside in ${kept.join(', ')}`
  return `all prices, trades and ${nodes} servers of "${NAME}" in ${herd.identity.dataRoot}${alsoKept}`
}

/** Stops every server and deletes what it holds: only after a person's word. */
export async function destroyHerd(stateDir: string): Promise<void> {
  await pgherd('down', '--state', stateDir, '--name', NAME, '--destroy', '--yes')
}

function findHerd(stateDir: string): Promise<LeftHerd | null> {
  return readLeftHerd(stateDir, NAME).catch((error: unknown) => {
    if (error instanceof HerdError && error.code === 'HERD_NOT_FOUND') return null
    throw error
  })
}

async function pgherd(...args: string[]): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [PROGRAM, ...args])
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    throw new HerdError('OPERATION_FAILED', `pgherd ${args[0]} failed: ${stderr?.trim() || error}`, {
      cause: error,
    })
  }
}
