import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Herd, herdPaths } from '../../src/index.js'
import { findServerProcesses } from '../../src/postgres/server-processes.js'
import type { HerdIdentity } from '../../src/state/herd-identity.js'
import { ask, becomeWhole, nodesIn, primaryName, until } from './scratch-herds.js'

/** What is on disk of who belongs to the herd. */
export function identityIn(stateDir: string): HerdIdentity {
  return JSON.parse(readFileSync(herdPaths(stateDir, 'scratch').identity, 'utf8')) as HerdIdentity
}

/** Where the folder of a node is, or would be. */
export function folderOf(stateDir: string, node: string): string {
  return join(realpathSync(join(stateDir, 'scratch/nodes')), node)
}

/** Whole with exactly these nodes, and nothing is left of any other: neither in state, folders, slots nor processes. */
export async function expectMembers(herd: Herd, stateDir: string, names: readonly string[]): Promise<void> {
  await until('nobody is on the way', () => {
    const { joining = [], leaving = [] } = identityIn(stateDir)
    return joining.length + leaving.length === 0 && herd.nodesOf('main').length === names.length
  })
  await becomeWhole(herd)
  expect(Object.keys(nodesIn(await herd.status()))).toEqual(names)
  const { members, ports } = identityIn(stateDir)
  expect(members?.main ?? names).toEqual(names)
  expect(Object.keys(ports).sort()).toEqual([...names].sort())
  const root = join(folderOf(stateDir, names[0] as string), '..')
  expect(readdirSync(root).sort()).toEqual([...names].sort())
  for (const name of names) {
    const left = readdirSync(join(root, name)).filter((file) => file.startsWith('data.'))
    expect(left, name).toEqual([])
  }
  const primary = primaryName(herd)
  const slots = await ask<{ slot: string }>(
    herd,
    primary,
    'select slot_name as slot from pg_replication_slots order by 1',
  )
  const others = names.filter((name) => name !== primary).sort()
  expect(slots.map(({ slot }) => slot)).toEqual(others.map((name) => name.replace('-', '_')))
}

export function expectNothingOf(stateDir: string, node: string): void {
  const folder = folderOf(stateDir, node)
  expect(existsSync(folder)).toBe(false)
  expect(findServerProcesses(join(folder, 'data'))).toEqual({ postmaster: null, others: [] })
}
