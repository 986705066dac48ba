import { createServer } from 'node:net'
import { parseSpec } from '@pgherd/core/spec'
import { expect, test } from 'vitest'
import { choosePortsForMore } from '../../src/choose-ports.js'
import { findFreePorts } from '../../src/postgres/ports.js'
import type { HerdIdentity } from '../../src/state/herd-identity.js'

function identityWith(ports: Partial<HerdIdentity>): HerdIdentity {
  const spec = parseSpec('name: scratch\ngroups: [{ nodes: 2 }]', 'test')
  return {
    format: 1,
    spec,
    createdAt: '',
    dataRoot: '',
    serverUser: null,
    systemIdentifiers: {},
    ports: {},
    ...ports,
  }
}

test('nodes that are added get free ports, and none that the proxy or the API comes back to', async () => {
  const first = await findFreePorts('127.0.0.1', 8, 23_000)
  const identity = identityWith({
    ports: { 'main-1': first, 'main-2': first + 1 },
    proxyPort: first + 2,
    apiPort: first + 4,
  })
  const holder = createServer()
  await new Promise<void>((resolve) => holder.listen(first + 5, '127.0.0.1', resolve))
  expect(await choosePortsForMore(identity, ['main-3', 'main-4', 'main-5'])).toEqual({
    'main-3': first + 3,
    'main-4': first + 6,
    'main-5': first + 7,
  })
  holder.close()
  await expect(
    choosePortsForMore(identityWith({ ports: { 'main-1': 65_535 } }), ['main-2']),
  ).rejects.toMatchObject({ code: 'PORT_TAKEN' })
})
