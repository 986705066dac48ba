import type { Herd } from '@pgherd/cluster'
import { beforeAll, expect, test } from 'vitest'
import { connect, nodesOfHerd, scratchHerd, scratchPool, until } from './scratch-herd.js'

let herd: Herd
let nodes: string[]

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
}, 120_000)

// The runner fails a test during which an 'error' was emitted that nobody listened to.
test('a connection that the server ends inside a transaction is an error of the next statement only', async () => {
  const pool = scratchPool({ nodes })
  const admin = await connect(herd.dsn(herd.primaryOf()?.name, 'superuser'))
  let tries = 0
  const answer = await pool.transaction(
    async (tx) => {
      const { rows } = await tx.query('select pg_backend_pid() as pid')
      if (++tries === 1) {
        const gone = new Promise((resolve) => tx.once('end', resolve))
        await admin.query('select pg_terminate_backend($1)', [rows[0].pid])
        await until('the connection is gone', () => gone.then(() => true))
      }
      return (await tx.query('select 7 as seven')).rows
    },
    { retry: true },
  )
  expect({ answer, tries }).toEqual({ answer: [{ seven: 7 }], tries: 2 })
})
