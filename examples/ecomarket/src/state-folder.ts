import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the herd of a run keeps its state. */
export interface StateFolder {
  path: string
  /** Removes what is temporary; only once the herd is stopped. */
  remove(): Promise<void>
}

/** Beside herd.yaml, where `pgherd` looks too. */
export function keptFolder(): StateFolder {
  return { path: fileURLToPath(new URL('../.pgherd', import.meta.url)), remove: async () => {} }
}

/**
 * A new folder for one run. As root the servers run as another user: their data then goes below it as
 * well, by PGHERD_DATA, and anybody may pass through it.
 */
export async function temporaryFolder(): Promise<StateFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'ecomarket-'))
  await chmod(folder, 0o711)
  const before = process.env.PGHERD_DATA
  process.env.PGHERD_DATA = join(folder, 'data')
  return {
    path: join(folder, 'state'),
    remove: async () => {
      if (before === undefined) delete process.env.PGHERD_DATA
      else process.env.PGHERD_DATA = before
      await rm(folder, { recursive: true, force: true })
    },
  }
}
