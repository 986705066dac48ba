import type { Herd } from '@pgherd/cluster'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compareWithOracle, fillAlike, openOracle, oracleHerd } from '../../../../test/oracle-herd.js'
import { WireProxy } from '../../src/index.js'

let herd: Herd
let proxy: WireProxy
let client: pg.Client
let oracle: pg.Client

beforeAll(async () => {
  herd = await oracleHerd()
  oracle = await openOracle(herd)
  const home = herd.primaryOf('home')?.name as string
  proxy = await WireProxy.start({ nodes: [herd.dsn(home, 'superuser')], port: 0 })
  const url = new URL(herd.dsn(home, 'application'))
  url.port = String(proxy.address.port)
  client = new pg.Client(url.href)
  await client.connect()
  await fillAlike(client, oracle)
}, 180_000)

afterAll(async () => {
  await Promise.all([client?.end(), oracle?.end()])
  await proxy?.close()
})

/** What the proxy says it will not do. */
const REFUSALS: ReadonlySet<string> = new Set(['0A000', '22023'])

test('I5: through the proxy a sharded herd answers what one database answers, or refuses', {
  timeout: 600_000,
}, async () => {
  expect.hasAssertions()
  await compareWithOracle(client, oracle, 1000, (error) => {
    const { code = '' } = error as { code?: string }
    return REFUSALS.has(code) ? code : null
  })
})
