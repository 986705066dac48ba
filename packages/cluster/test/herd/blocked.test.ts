import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Herd, type HerdIdentity, nodesOf, readIdentity } from '../../src/index.js'
import { killAllProcesses } from '../../src/postgres/index.js'
import {
  becomeWhole,
  connect,
  failureOf,
  kindsOf,
  nodesIn,
  open,
  primaryName,
  type Scratch,
  until,
  wholeHerd,
} from './scratch-herds.js'

const TIMEOUT = { timeout: 240_000 }

/** The primary's data is destroyed, and so is the one standby that must have all that was acknowledged. */
async function loseTwo({ herd, stateDir, spec }: Scratch): Promise<Herd> {
  const pids = Object.fromEntries(
    Object.values(nodesIn(await herd.status())).map((node) => [node.name, node.pid]),
  )
  await herd.leave()
  // What is acknowledged now is certainly not on main-3, so that nobody may pretend it is.
  process.kill(pids['main-3'] as number, 'SIGSTOP')
  const identity = (await readIdentity(herd.paths.identity)) as HerdIdentity
  for (const node of nodesOf(identity).filter(({ name }) => name !== 'main-3')) {
    await killAllProcesses(node.server)
    rmSync(node.paths.data, { recursive: true })
  }
  process.kill(pids['main-3'] as number, 'SIGCONT')
  return open(spec, stateDir)
}

test(
  'I1: when nobody in reach may take over, the group is blocked with the reason until the loss is accepted',
  TIMEOUT,
  async () => {
    const scratch = await wholeHerd()
    const client = await connect(scratch.herd.dsn('main-1'))
    await client.query('create table kept (n int)')
    const herd = await loseTwo(scratch)
    const blocked = await until('the group is blocked', async () => (await herd.status()).groups[0]?.blocked)
    expect(blocked).toMatch(/last acknowledged writes may be only on a node that is not in reach/)
    expect(blocked).toContain('main-1 has no data')
    expect(blocked).toContain('main-2 has no data')
    expect(kindsOf(herd)).toContain('failover-blocked')
    expect(herd.primaryOf()?.name).toBe('main-1')

    const refused = await failureOf(herd.failover('main'))
    expect(refused.code).toBe('NO_ELIGIBLE_SUCCESSOR')
    expect(refused.retryable).toBe(true)
    expect(refused.message).toContain('may be only on a node that is not in reach')
    expect(refused.hint).toContain('pgherd failover main --accept-loss')
    // Still nobody: a refusal changes nothing.
    expect((await herd.status()).groups[0]).toMatchObject({ epoch: 1, phase: 'failing-over' })

    await herd.failover('main', { acceptLoss: true })
    expect(primaryName(herd)).toBe('main-3')
    await becomeWhole(herd)
    expect(nodesIn(await herd.status())).toMatchObject({
      'main-1': { role: 'standby', state: 'running' },
      'main-2': { role: 'standby', state: 'running' },
    })
    const writer = await connect(herd.dsn('main-3'))
    await writer.query('insert into kept values (1)')
    expect((await herd.status()).groups[0]?.blocked).toBeNull()
  },
)

test('I1: what blocks a failover ends by itself when the node with the writes is back', TIMEOUT, async () => {
  const { herd } = await wholeHerd('groups: [{ nodes: 2 }]')
  await herd.disturb('main-2', 'pause')
  await sleep(2 * herd.spec.probes.hangAfterMs)
  expect((await failureOf(herd.failover('main'))).code).toBe('NO_ELIGIBLE_SUCCESSOR')
  expect(primaryName(herd)).toBe('main-1')
  await herd.disturb('main-1', 'kill')
  // Its own data has everything, so it is started again in place rather than given up.
  await until('it was revived', () => kindsOf(herd).includes('primary-revived'))
  await herd.disturb('main-2', 'resume')
  await becomeWhole(herd)
  expect((await herd.status()).groups[0]).toMatchObject({ phase: 'steady', blocked: null })
})
