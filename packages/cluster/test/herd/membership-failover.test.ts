import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Herd } from '../../src/index.js'
import { expectMembers, expectNothingOf, folderOf, identityIn } from './membership.js'
import { killNode, newStateDir, open, primaryName, specOf, until } from './scratch-herds.js'
import { expectNothingLost, startWriters, type Writers } from './writers.js'

const TIMEOUT = { timeout: 240_000 }
const SPEC = specOf('groups: [{ nodes: 3 }]')
const NAMES = ['main-1', 'main-2', 'main-3']

interface Begun {
  readonly herd: Herd
  readonly state: string
  readonly writers: Writers
}

async function begin(): Promise<Begun> {
  const state = newStateDir()
  const herd = await open(SPEC, state)
  await herd.whenWhole()
  return { herd, state, writers: await startWriters(herd) }
}

async function killPrimary(herd: Herd): Promise<string> {
  const primary = primaryName(herd)
  killNode(herd, primary)
  await until('another one is primary', () => herd.primaryOf()?.name !== primary)
  return primary
}

test(
  'I1: the primary is killed while a standby is copied from it: the copy begins anew from the next one',
  TIMEOUT,
  async () => {
    const { herd, state, writers } = await begin()
    const folder = folderOf(state, 'main-4')
    for (const moment of ['data.incomplete/base', 'data']) {
      const steps: string[] = []
      const adding = herd.addNodes('main', 1, (step) => steps.push(step))
      await until(`there is ${moment}`, () => existsSync(join(folder, moment)))
      const killed = await killPrimary(herd)
      expect(await adding, steps.join('\n')).toEqual(['main-4'])
      expect(herd.primaryOf()?.name).not.toBe(killed)
      await expectMembers(herd, state, [...NAMES, 'main-4'])
      await writers.more(20)
      if (herd.primaryOf()?.name === 'main-4') await herd.switchover('main')
      await herd.removeNode('main-4')
      await expectMembers(herd, state, NAMES)
    }
    await writers.stop()
    await expectNothingLost(herd, writers)
  },
)

test(
  'I1: the primary is killed while a standby is removed: it goes, or it is one of the group as before',
  TIMEOUT,
  async () => {
    const { herd, state, writers } = await begin()
    const moments: [string, () => boolean | undefined][] = [
      ['it is on record', () => identityIn(state).leaving?.includes('main-4')],
      ['its server ends', () => !existsSync(join(folderOf(state, 'main-4'), 'data/postmaster.pid'))],
      ['its data is gone', () => !existsSync(join(folderOf(state, 'main-4'), 'data'))],
    ]
    for (const [moment, holds] of moments) {
      await herd.addNodes('main', 1)
      if (herd.primaryOf()?.name === 'main-4') await herd.switchover('main')
      const removing = herd.removeNode('main-4').then(
        () => 'removed',
        ({ message }: Error) => message,
      )
      await until(moment, holds)
      await killPrimary(herd)
      const outcome = await removing
      await writers.more(20)
      if (outcome === 'removed') expectNothingOf(state, 'main-4')
      else {
        expect(outcome).toMatch(/^main-4 has become the primary/)
        await herd.whenWhole()
        await herd.switchover('main')
        await herd.whenWhole()
        await herd.removeNode('main-4')
      }
      await expectMembers(herd, state, NAMES)
    }
    await writers.stop()
    await expectNothingLost(herd, writers)
  },
)
