import { fileURLToPath } from 'node:url'
import { HerdError } from '@pgherd/core'
import { type ControlClient, findRunningHerd, runPgherd } from 'pgherd'
import { keptFolder, temporaryFolder } from '../state-folder.js'

const SPEC = fileURLToPath(new URL('../../users.yaml', import.meta.url))
const NAME = 'ecomarket-users'

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
    await runPgherd(
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
    await runPgherd('up', SPEC, '--detach', '--state', state.path)
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
  const running = await findRunningHerd(stateDir, NAME)
  return running === null ? null : { dsn: await running.dsnOf(null), control: running.control }
}
