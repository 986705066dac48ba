import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readSupervisor } from '../../src/index.js'
import { becomeWhole, failureOf, newStateDir, open, specOf, supervise, until } from './scratch-herds.js'

const ONE_NODE = 'groups: [{ nodes: 1 }]'
const TIMEOUT = { timeout: 240_000 }

test('I2: a second supervisor in the same process is refused', TIMEOUT, async () => {
  const [spec, stateDir] = [specOf(ONE_NODE), newStateDir()]
  const herd = await open(spec, stateDir)
  const refused = await failureOf(open(spec, stateDir))
  expect(refused.code).toBe('HERD_ALREADY_RUNNING')
  expect(refused.message).toContain(String(process.pid))
  await becomeWhole(herd)
  await herd.leave()
  const next = await open(spec, stateDir)
  await becomeWhole(next)
})

test('I2: a second supervisor in another process is refused, and the first goes on', TIMEOUT, async () => {
  const [spec, stateDir] = [specOf(ONE_NODE), newStateDir()]
  const first = supervise(spec, stateDir)
  await first.told('whole')
  const second = supervise(spec, stateDir)
  expect(await second.told('failed')).toMatchObject({ code: 'HERD_ALREADY_RUNNING' })
  expect((await failureOf(open(spec, stateDir))).message).toContain(String(first.child.pid))
  expect(first.child.exitCode).toBeNull()
})

test(
  'the lock of a supervisor that is gone is taken over, also when its number is used again',
  TIMEOUT,
  async () => {
    const [spec, stateDir] = [specOf(ONE_NODE), newStateDir()]
    const first = supervise(spec, stateDir)
    await first.told('whole')
    await first.kill()
    const herd = await open(spec, stateDir)
    await becomeWhole(herd)
    const { lock } = herd.paths
    const mine = readFileSync(lock, 'utf8')
    await herd.leave()

    writeFileSync(lock, mine.replace(/"startToken":"[^"]*"/, '"startToken":"another boot 1"'))
    expect(readSupervisor(lock)).toBeNull()
    const again = await open(spec, stateDir)
    await again.leave()
    writeFileSync(lock, 'cut off by a full di')
    const last = await open(spec, stateDir)
    await becomeWhole(last)
  },
)

test('I2: of ten supervisors that start together exactly one wins', TIMEOUT, async () => {
  const [spec, stateDir] = [specOf(ONE_NODE), newStateDir()]
  const first = supervise(spec, stateDir)
  await first.told('whole')
  // All of them find the stale lock of a dead one.
  await first.kill()
  const outcomes: string[] = []
  const racers = Array.from({ length: 10 }, () => supervise(spec, stateDir))
  for (const { child } of racers) {
    child.once('message', (message) =>
      outcomes.push((message as { kind: string; code?: string }).code ?? 'won'),
    )
  }
  await until('all have answered', () => outcomes.length === 10)
  expect(outcomes.filter((outcome) => outcome === 'won')).toHaveLength(1)
  expect(outcomes.filter((outcome) => outcome === 'HERD_ALREADY_RUNNING')).toHaveLength(9)
})
