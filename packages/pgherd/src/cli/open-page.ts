import { spawn } from 'node:child_process'
import type { LeftHerd } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import { requireSupervisor } from './herd-location.js'

/** What opens an address in a browser, by platform. */
const OPENERS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
}

/** Opens the page of a herd, or prints where it is. Throws HERD_NOT_RUNNING, NOT_SUPPORTED. */
export async function openPage(herd: LeftHerd): Promise<void> {
  const { api, name } = await requireSupervisor(herd).topology()
  if (api === null)
    throw new HerdError('NOT_SUPPORTED', `The herd "${name}" has no page just now.`, {
      hint: 'Its spec says "api: false", or the port is taken: see "pgherd logs".',
    })
  console.log(api.url)
  if (!(await opens(api.url))) console.error('No browser could be opened: go to this address.')
}

function opens(url: string): Promise<boolean> {
  const [program, ...rest] = OPENERS[process.platform] ?? ['xdg-open']
  return new Promise((resolve) => {
    const child = spawn(program, [...rest, url], { stdio: 'ignore', detached: true })
    child.once('error', () => resolve(false))
    child.once('exit', (code) => resolve(code === 0))
    child.unref()
  })
}
