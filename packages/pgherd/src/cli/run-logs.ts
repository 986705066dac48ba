import { existsSync, watchFile } from 'node:fs'
import { open } from 'node:fs/promises'
import { type HerdEvent, type LeftHerd, nodesOf, readEvents } from '@pgherd/cluster/on-disk'
import { HerdError } from '@pgherd/core'
import { renderEvent } from '../view/render-event.js'
import { tailOf } from '../view/tail-of.js'

export interface LogsOptions {
  lines: number
  follow?: boolean
  json?: boolean
}

const POLL_MS = 200

/** Prints a node's PostgreSQL log, or without a node what the supervisor saw, decided and did. */
export async function runLogs(herd: LeftHerd, node: string | undefined, options: LogsOptions): Promise<void> {
  const path = node === undefined ? herd.paths.events : logOf(herd, node)
  const show = node === undefined && !options.json ? showEvent : (line: string) => line
  for (const line of node === undefined
    ? await lastEvents(path, options.lines)
    : lastOf(tailOf(path, options.lines), options.lines)) {
    console.log(show(line))
  }
  if (options.follow) await follow(path, (line) => console.log(show(line)))
}

function logOf(herd: LeftHerd, name: string): string {
  const nodes = nodesOf(herd.identity)
  const node = nodes.find((each) => each.name === name)
  if (node !== undefined) return node.paths.log
  const known = nodes.map((each) => each.name).join(', ')
  throw new HerdError('UNKNOWN_NODE', `There is no node "${name}"; this herd has ${known}.`)
}

async function lastEvents(path: string, count: number): Promise<string[]> {
  return lastOf(await readEvents(path), count).map((event) => JSON.stringify(event))
}

/** `slice(-0)` would be all of them. */
function lastOf<T>(items: readonly T[], count: number): readonly T[] {
  return count === 0 ? [] : items.slice(-count)
}

function showEvent(line: string): string {
  return renderEvent(JSON.parse(line) as HerdEvent)
}

/** Prints what is added to the file, until the process is ended. */
async function follow(path: string, print: (line: string) => void): Promise<never> {
  let position = existsSync(path) ? await sizeOf(path) : 0
  let rest = ''
  watchFile(path, { interval: POLL_MS }, async () => {
    const size = await sizeOf(path)
    if (size < position) position = 0
    const file = await open(path, 'r')
    const bytes = Buffer.alloc(size - position)
    await file.read(bytes, 0, bytes.length, position).finally(() => file.close())
    position = size
    const lines = (rest + bytes.toString('utf8')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) print(line)
  })
  return new Promise(() => {})
}

async function sizeOf(path: string): Promise<number> {
  const file = await open(path, 'r')
  return file.stat().then(
    ({ size }) => file.close().then(() => size),
    () => file.close().then(() => 0),
  )
}
