import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type LeftHerd, listHerds, readLeftHerd, readSupervisor } from '@pgherd/cluster/on-disk'
import { HerdError } from '@pgherd/core'
import type { HerdSpec } from '@pgherd/core/spec'
import { ControlClient } from '../control/control-client.js'

/** The options by which every command finds its herd. */
export interface LocationOptions {
  /** The folder that holds `NAME/`. */
  state?: string
  /** The herd's name, where a state folder holds several. */
  name?: string
}

export const DEFAULT_SPEC_FILE = 'herd.yaml'
const DEFAULT_SPEC = 'name: herd\n'

export interface LocatedSpec {
  spec: HerdSpec
  stateDir: string
  port?: number | 'auto'
}

/**
 * Reads the spec a command is about: the file given, else `herd.yaml` here, else the default herd.
 * Throws SPEC_NOT_FOUND, SPEC_INVALID.
 */
export async function locateSpec(file: string | undefined, options: LocationOptions): Promise<LocatedSpec> {
  const { parseSpec } = await import('@pgherd/core/spec')
  const path = file ?? (existsSync(DEFAULT_SPEC_FILE) ? DEFAULT_SPEC_FILE : null)
  const text = path === null ? DEFAULT_SPEC : readSpecFile(path)
  const spec = parseSpec(text, path ?? 'the default spec')
  const beside = path === null ? process.cwd() : dirname(resolve(path))
  return { spec, stateDir: resolve(options.state ?? join(beside, '.pgherd')) }
}

function readSpecFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') {
      throw new HerdError('SPEC_NOT_FOUND', `There is no spec file ${path}.`, {
        hint: 'Write one with "pgherd init", or run "pgherd up" without a file for the default herd.',
        cause,
      })
    }
    if (code === 'EISDIR')
      throw new HerdError('SPEC_NOT_FOUND', `${path} is a folder, not a spec file.`, { cause })
    throw new HerdError('PERMISSION_DENIED', `The spec file ${path} cannot be read (${code}).`, { cause })
  }
}

/** Finds the herd on disk that a command is about. Throws HERD_NOT_FOUND, or USAGE when there are several. */
export async function locateHerd(options: LocationOptions): Promise<LeftHerd> {
  const stateDir = resolve(options.state ?? '.pgherd')
  if (options.name !== undefined) return readLeftHerd(stateDir, options.name)
  const names = await listHerds(stateDir)
  if (names.length === 1) return readLeftHerd(stateDir, names[0] as string)
  if (names.length > 1) {
    const named = existsSync(DEFAULT_SPEC_FILE) ? (await locateSpec(undefined, options)).spec.name : null
    if (named !== null && names.includes(named)) return readLeftHerd(stateDir, named)
    throw new HerdError('USAGE', `There are several herds in ${stateDir}: ${names.join(', ')}.`, {
      hint: 'Say which one with --name NAME.',
    })
  }
  throw new HerdError('HERD_NOT_FOUND', `There is no herd in ${stateDir}.`, {
    hint: 'Make one with "pgherd up", or say where it is with --state DIR.',
  })
}

/** A line to the herd's supervisor, or null when none runs. */
export function supervisorOf({ paths }: LeftHerd): ControlClient | null {
  const record = readSupervisor(paths.lock)
  return record === null || record.socket === '' ? null : new ControlClient(record)
}

/** Throws HERD_NOT_RUNNING. */
export function requireSupervisor(herd: LeftHerd): ControlClient {
  const client = supervisorOf(herd)
  if (client !== null) return client
  throw new HerdError('HERD_NOT_RUNNING', `No supervisor is running for "${herd.identity.spec.name}".`, {
    hint: 'Start it with "pgherd up" (add --detach to get your terminal back); servers that run are adopted.',
  })
}
