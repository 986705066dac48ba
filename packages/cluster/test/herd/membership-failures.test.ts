import { rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { expect, test } from 'vitest'
import { expectMembers, folderOf, identityIn } from './membership.js'
import { failureOf, kindsOf, open, until, wholeHerd } from './scratch-herds.js'

const TIMEOUT = { timeout: 120_000 }
const TWO = 'groups: [{ nodes: 2 }]'
const NAMES = ['main-1', 'main-2']

/** A program that has the port, and has nothing to say to who connects. */
function standOn(port: number, host: string): Promise<Server> {
  const holder = createServer((socket) => socket.destroy())
  return new Promise((resolve) => holder.listen(port, host, () => resolve(holder)))
}

test(
  'a standby that cannot be copied or started is taken back with the reason, and can be added again',
  TIMEOUT,
  async () => {
    const { herd, stateDir } = await wholeHerd(TWO)
    writeFileSync(folderOf(stateDir, 'main-3'), 'in the way')
    const refused = await failureOf(herd.addNodes('main', 1))
    expect(refused).toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringMatching(/^main-3 was taken back: .*there is a file in the way\.$/),
      hint: expect.stringContaining('pgherd node add main'),
    })
    rmSync(folderOf(stateDir, 'main-3'))
    await expectMembers(herd, stateDir, NAMES)

    // Of two the one that can be made stays.
    writeFileSync(folderOf(stateDir, 'main-3'), 'in the way')
    expect((await failureOf(herd.addNodes('main', 2))).message).toMatch(/^main-3 was taken back: /)
    rmSync(folderOf(stateDir, 'main-3'))
    await expectMembers(herd, stateDir, [...NAMES, 'main-4'])
    await herd.removeNode('main-4')

    const adding = failureOf(herd.addNodes('main', 1))
    const port = await until('it has a port', () => identityIn(stateDir).ports['main-3'])
    const holder = await standOn(port, herd.spec.host)
    expect(await adding).toMatchObject({ code: 'PORT_TAKEN', message: expect.stringContaining(`${port}`) })
    await expectMembers(herd, stateDir, NAMES)
    expect(await herd.addNodes('main', 1)).toEqual(['main-3'])
    holder.close()
    await expectMembers(herd, stateDir, [...NAMES, 'main-3'])
  },
)

test(
  'I10: one that cannot be made keeps no later supervisor from starting, which takes it back',
  TIMEOUT,
  async () => {
    const { herd, stateDir, spec } = await wholeHerd(TWO)
    const adding = failureOf(herd.addNodes('main', 1))
    const port = await until('it has a port', () => identityIn(stateDir).ports['main-3'])
    await herd.leave()
    expect(await adding).toMatchObject({ code: 'INTERRUPTED' })
    const holder = await standOn(port, herd.spec.host)
    const next = await open(spec, stateDir)
    await expectMembers(next, stateDir, NAMES)
    expect(kindsOf(next)).toContain('membership-failed')
    holder.close()
  },
)
