import {
  dsnOf,
  type LeftHerd,
  readLeftHerd,
  readSupervisor,
  type SupervisorRecord,
} from '@pgherd/cluster/on-disk'
import { HerdError, type HerdStatus } from '@pgherd/core'
import { ControlClient } from './control-client.js'

/** A herd that another process supervises, for programs that use it. */
export class RunningHerd {
  readonly control: ControlClient
  /** On which its control API is. */
  readonly socket: string
  readonly #herd: LeftHerd

  constructor(herd: LeftHerd, supervisor: SupervisorRecord) {
    this.control = new ControlClient(supervisor)
    this.socket = supervisor.socket
    this.#herd = herd
  }

  /** Every node with its role and lag. Throws HERD_NOT_RUNNING. */
  topology(): Promise<HerdStatus> {
    return this.control.topology()
  }

  /** How an application connects: to one node, or to the herd's nodes when that is null. */
  dsnOf(node: string | null): Promise<string> {
    return dsnOf(this.#herd, node, 'application')
  }
}

/** The herd of this name in a state folder, whether it runs or not; null when there is none. */
export async function findHerd(stateDir: string, name: string): Promise<LeftHerd | null> {
  return readLeftHerd(stateDir, name).catch((error: unknown) => {
    if (error instanceof HerdError && error.code === 'HERD_NOT_FOUND') return null
    throw error
  })
}

/** The same as long as it runs; null when it does not. */
export async function findRunningHerd(stateDir: string, name: string): Promise<RunningHerd | null> {
  const herd = await findHerd(stateDir, name)
  const supervisor = herd === null ? null : readSupervisor(herd.paths.lock)
  if (herd === null || supervisor === null || supervisor.socket === '') return null
  return new RunningHerd(herd, supervisor)
}
