import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HerdError } from '@pgherd/core'

/**
 * Replaces a file so that a crash at any instant leaves the old content or the new, and that what was
 * reported as written survives a power cut.
 */
export async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`
  try {
    const file = await open(temporary, 'w', 0o600)
    try {
      await file.writeFile(text)
      await file.datasync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    await syncFolder(dirname(path))
  } catch (cause) {
    throw asHerdError(cause, path)
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Reads a JSON file that pgherd wrote; null when it is not there. Throws STATE_UNREADABLE on anything else. */
export async function readState<T>(path: string, isValid: (value: unknown) => value is T): Promise<T | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw asHerdError(error, path)
  }
  try {
    const value: unknown = JSON.parse(text)
    if (isValid(value)) return value
  } catch {
    // Falls through to the sentence below: broken JSON and wrong JSON are the same to a person.
  }
  throw new HerdError(
    'STATE_UNREADABLE',
    `${path} is not a state file that this version of pgherd can read.`,
    {
      hint: 'The data of the servers is not affected. If the file was damaged, restore it from a copy.',
    },
  )
}

/** Makes a folder only its owner can enter. */
export async function makePrivateFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw asHerdError(cause, path)
  }
}

/** Gives the operating system's refusals our codes, so that a person reads a sentence. */
export function asHerdError(cause: unknown, path: string): unknown {
  const code = (cause as NodeJS.ErrnoException | null)?.code
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new HerdError('NO_SPACE', `There is no space left for ${path}.`, { cause })
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new HerdError('PERMISSION_DENIED', `${path} cannot be written by this user.`, {
      hint: 'Choose another folder with --state DIR.',
      cause,
    })
  }
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    return new HerdError('PERMISSION_DENIED', `${path} cannot be made: there is a file in the way.`, {
      hint: 'Choose another folder with --state DIR.',
      cause,
    })
  }
  return cause
}
