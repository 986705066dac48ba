import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { becomeWhole, connect, nodeIn, primaryName, until, wholeHerd } from './scratch-herds.js'

const TIMEOUT = { timeout: 240_000 }

test(
  'lag is nothing on an idle herd, grows while a standby is paused under writes, and goes away',
  TIMEOUT,
  async () => {
    const { herd } = await wholeHerd()
    const client = await connect(herd.dsn(primaryName(herd)))
    await client.query('create table filler (text text)')
    const fill = `insert into filler select repeat('x', 1000) from generate_series(1, 1000)`
    await client.query(fill)

    await sleep(3000)
    await until('both standbys have replayed everything', async () => {
      const lags = await Promise.all(['main-2', 'main-3'].map((name) => nodeIn(herd, name)))
      return lags.every(({ lagBytes, lagMs }) => lagBytes === 0 && lagMs === 0)
    })
    // Idle, it stays nothing: time that passes without a write is no lag.
    for (let look = 0; look < 5; look++) {
      const { lagBytes, lagMs } = await nodeIn(herd, 'main-2')
      expect(lagMs === 0 || (lagBytes ?? 0) > 0).toBe(true)
      await sleep(200)
    }

    await herd.disturb('main-2', 'pause')
    await client.query(fill)
    await until('its lag is seen', async () => ((await nodeIn(herd, 'main-2')).lagBytes ?? 0) > 1_000_000)
    const early = await nodeIn(herd, 'main-2')
    await client.query(fill)
    await sleep(2000)
    const late = await nodeIn(herd, 'main-2')
    expect(late.state).toBe('paused')
    expect(late.lagBytes as number).toBeGreaterThan((early.lagBytes as number) + 900_000)
    expect(late.lagMs as number).toBeGreaterThan((early.lagMs as number) + 1500)
    await until('the other has it all', async () => (await nodeIn(herd, 'main-3')).lagBytes === 0)
    expect((await nodeIn(herd, 'main-2')).lagBytes).toBeGreaterThan(1_900_000)

    await herd.disturb('main-2', 'resume')
    await becomeWhole(herd)
    await until('it has caught up', async () => {
      const { lagBytes, lagMs } = await nodeIn(herd, 'main-2')
      return lagBytes === 0 && lagMs === 0
    })
  },
)
