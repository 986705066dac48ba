import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compareWithOracle, fillAlike, openOracle, oracleHerd } from '../../../../test/oracle-herd.js'
import { ShardedProxy } from './sharded-proxy.js'

const there = ShardedProxy.before(oracleHerd)
let client: pg.Client
let oracle: pg.Client

beforeAll(async () => {
  oracle = await openOracle(there.herd)
  client = new pg.Client(there.url())
  await client.connect()
  await fillAlike(client, oracle)
}, 180_000)

afterAll(async () => {
  await Promise.all([client?.end(), oracle?.end()])
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
