import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'vitest'
import type { Herd } from '../../src/index.js'
import { expectMembers, expectNothingOf, folderOf, identityIn } from './membership.js'
import { newStateDir, open, specOf, supervise, until } from './scratch-herds.js'
import { expectNothingLost, startWriters } from './writers.js'

const TIMEOUT = { timeout: 240_000 }
const NAMES = ['main-1', 'main-2']
const SPEC = specOf('groups: [{ nodes: 2 }]')

type Moment = (folder: string, stateDir: string) => boolean | undefined

/** What is on disk when an addition has come so far. */
const ADDING: Record<string, Moment> = {
  'once it is on record': (_, stateDir) => identityIn(stateDir).joining?.includes('main-3'),
  'in the middle of the copy': (folder) => existsSync(join(folder, 'data.incomplete/base')),
  'once the copy is there': (folder) => existsSync(join(folder, 'data')),
  'as its server starts': (folder) => existsSync(join(folder, 'data/postmaster.pid')),
}

const REMOVING: Record<string, Moment> = {
  'once it is on record': (_, stateDir) => identityIn(stateDir).leaving?.includes('main-3'),
  'while its server ends': (folder) => !existsSync(join(folder, 'data/postmaster.pid')),
  'while its data is deleted': (folder) => !existsSync(join(folder, 'data')),
}

/** One herd goes through all of it, with writers on it. Resolves to the supervisor that finished the last. */
async function killAtEach(
  order: 'add' | 'remove',
  moments: Record<string, Moment>,
  between: (herd: Herd) => Promise<unknown>,
  after: (herd: Herd, stateDir: string) => Promise<unknown>,
): Promise<void> {
  const state = newStateDir()
  let herd = await open(SPEC, state)
  await herd.whenWhole()
  const writers = await startWriters(herd)
  for (const [moment, isThere] of Object.entries(moments)) {
    if (herd.nodesOf('main').includes('main-3') === (order === 'add')) await between(herd)
    await herd.leave()
    const { child, told, kill } = supervise(SPEC, state)
    await told('whole')
    child.send(order)
    await until(moment, () => isThere(folderOf(state, 'main-3'), state))
    await kill()
    herd = await open(SPEC, state)
    await after(herd, state)
    await writers.more(20)
  }
  await writers.stop()
  await expectNothingLost(herd, writers)
}

test(
  'I1, I10: a supervisor killed while a standby is added is followed by one that finishes it',
  TIMEOUT,
  () =>
    killAtEach(
      'add',
      ADDING,
      (herd) => herd.removeNode('main-3'),
      (herd, state) => expectMembers(herd, state, [...NAMES, 'main-3']),
    ),
)

test(
  'I1, I10: a supervisor killed while a standby is removed is followed by one that finishes it',
  TIMEOUT,
  () =>
    killAtEach(
      'remove',
      REMOVING,
      (herd) => herd.addNodes('main', 1),
      async (herd, state) => {
        await expectMembers(herd, state, NAMES)
        expectNothingOf(state, 'main-3')
      },
    ),
)
