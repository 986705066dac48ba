import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { HerdError } from '@pgherd/core'

/** Of the package as it is installed: tests run on its sources, which have no program. */
const PROGRAM = join(dirname(fileURLToPath(import.meta.resolve('pgherd'))), 'bin.js')

/**
 * Runs `pgherd` in a process of its own, so that a herd that is started outlives whoever started it. Throws
 * OPERATION_FAILED with what the command says.
 */
export async function runPgherd(...args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [PROGRAM, ...args])
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    throw new HerdError('OPERATION_FAILED', `pgherd ${args[0]} failed: ${stderr?.trim() || error}`, {
      cause: error,
    })
  }
}
