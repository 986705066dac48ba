import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { dsnOf, type LeftHerd, readLeftHerd, readSupervisor } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import { ControlClient } from 'pgherd'
import { keptFolder, temporaryFolder } from '../state-folder.js'

const SPEC = fileURLToPath(new URL('../../users.yaml', import.meta.url))
const NAME = 'ecomarket-users'
const PROGRAM = join(dirname(fileURLToPath(import.meta.resolve('pgherd'))), 'bin.js')

/** The herd of the users service, and a line to its supervisor. */
export interface FoundHerd {
  dsn: string
  control: ControlClient
  /** Whether it ran before. */
  wasRunning: boolean
  /** Ends what was started. */
  close(): Promise<void>
}

export interface FindOptions {
  /** Where a herd is looked for; null: beside the spec. */
  stateDir: string | null
  /** What is done with the data of a herd that had to be started: `keep` it, or start in a folder that goes. */
  data: 'keep' | 'temporary'
  tell: (line: string) => void
}

/**
 * The herd that runs; where none does, one is started by `pgherd up`, with a supervisor of its own process, as
 * it would be in earnest. Throws what `pgherd` says.
 */
export async function findHerd({ stateDir, data, tell }: FindOptions): Promise<FoundHerd> {
  const state = stateDir === null ? keptFolder() : { path: stateDir, remove: async () => {} }
  const running = await readRunning(state.path)
  if (running !== null) return { ...running, wasRunning: true, close: async () => {} }
  tell(`no herd "${NAME}" runs; starting one`)
  return startHerd(data === 'keep' ? state : await temporaryFolder(), data === 'temporary')
}

async function startHerd(
  state: { path: string; remove(): Promise<void> },
  isTemporary: boolean,
): Promise<FoundHerd> {
  const close = async (): Promise<void> => {
    await pgherd(
      'down',
      '--state',
      state.path,
      '--name',
      NAME,
      ...(isTemporary ? ['--destroy', '--yes'] : []),
    )
    await state.remove()
  }
  try {
    await pgherd('up', SPEC, '--detach', '--state', state.path)
    const running = await readRunning(state.path)
    if (running === null) throw new HerdError('HERD_NOT_RUNNING', 'The herd ended again at once.')
    return { ...running, wasRunning: false, close }
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
}

/** The herd that runs beside the spec. Throws HERD_NOT_RUNNING. */
export async function requireHerd(): Promise<Pick<FoundHerd, 'dsn' | 'control'>> {
  const running = await readRunning(keptFolder().path)
  if (running !== null) return running
  throw new HerdError('HERD_NOT_RUNNING', `No herd "${NAME}" runs.`, {
    hint: 'Start it with "npm run users", or with "pgherd up users.yaml --detach".',
  })
}

/** Null: none runs. */
async function readRunning(stateDir: string): Promise<Pick<FoundHerd, 'dsn' | 'control'> | null> {
  const herd = await readLeftHerd(stateDir, NAME).catch(noneIfNotFound)
  const supervisor = herd === null ? null : readSupervisor(herd.paths.lock)
  if (herd === null || supervisor === null || supervisor.socket === '') return null
  return { dsn: await dsnOf(herd, null, 'application'), control: new ControlClient(supervisor) }
}

function noneIfNotFound(error: unknown): LeftHerd | null {
  if (error instanceof HerdError && error.code === 'HERD_NOT_FOUND') return null
  throw error
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
