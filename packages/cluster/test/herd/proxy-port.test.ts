import { createServer, type Server } from 'node:net'
import type { HerdError } from '@pgherd/core'
import type { HerdSpec } from '@pgherd/core/spec'
import { afterEach, expect, test } from 'vitest'
import { openHerd } from '../../src/index.js'
import { newStateDir, open, specOf } from './scratch-herds.js'

const holders: Server[] = []
afterEach(async () => {
  for (const holder of holders.splice(0)) await new Promise((resolve) => holder.close(resolve))
})

async function takenPort(): Promise<number> {
  const holder = createServer()
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  holders.push(holder)
  return (holder.address() as { port: number }).port
}

/** The port that the proxy is given; nothing is left running. */
async function proxyPort(
  spec: HerdSpec,
  stateDir: string,
  how: { runs?: boolean; port?: 'auto' } = {},
): Promise<number | undefined> {
  const { runs = false, ...port } = how
  const herd = await openHerd({ spec, stateDir, ...port, proxy: { runs } })
  try {
    return herd.proxyAddress?.port
  } finally {
    await herd.stop()
  }
}

const specWith = (proxy: string): HerdSpec => specOf(`groups: [{ nodes: 1 }]\nproxy: ${proxy}\n`)

test('a free port is chosen once and kept; another one is given when it is asked for', async () => {
  const stateDir = newStateDir()
  const chosen = await proxyPort(specWith('{ port: auto }'), stateDir)
  expect(chosen).toBeGreaterThan(1024)
  expect(await proxyPort(specWith('{ port: auto }'), stateDir)).toBe(chosen)
  expect(await proxyPort(specWith('false'), stateDir)).toBeUndefined()
  expect(await proxyPort(specWith('{ port: auto }'), stateDir)).toBe(chosen)
  expect(await proxyPort(specWith('{ port: 31999 }'), stateDir, { runs: true })).toBe(31999)
})

test('a port that is taken is refused; --port auto finds another', async () => {
  const port = await takenPort()
  const [spec, stateDir] = [specWith(`{ port: ${port} }`), newStateDir()]
  await expect(proxyPort(spec, stateDir)).rejects.toMatchObject({
    code: 'PORT_TAKEN',
    message: expect.stringContaining(`Port ${port}, wanted for the proxy, is in use`),
  } satisfies Partial<HerdError>)
  const other = await proxyPort(spec, stateDir, { port: 'auto' })
  expect(other).not.toBe(port)
})

test('a herd from before there was a proxy goes on, and steps aside for whoever has the port', async () => {
  const stateDir = newStateDir()
  // Opened as a library does, nobody asks for the proxy.
  const before = await open(specWith('false'), stateDir)
  expect(before.proxyAddress).toBeNull()
  await before.stop()
  const port = await takenPort()
  const chosen = await proxyPort(specWith(`{ port: ${port} }`), stateDir)
  expect(chosen).not.toBe(port)
  expect(chosen).toBeGreaterThan(1024)
})

test('servers that run are supervised whoever has the port of the proxy', async () => {
  const stateDir = newStateDir()
  const port = await takenPort()
  const spec = specWith(`{ port: ${port} }`)
  const first = await openHerd({ spec, stateDir, port: 'auto', proxy: { runs: false } })
  await first.whenWhole()
  await first.leave()
  const next = await open(spec, stateDir)
  await next.whenWhole()
  await next.leave()
  const again = await openHerd({ spec, stateDir, proxy: { runs: false } })
  expect(again.proxyAddress?.port).toBeGreaterThan(1024)
  await again.stop()
})
