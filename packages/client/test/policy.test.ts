import type { Herd } from '@pgherd/cluster'
import { beforeAll, expect, test } from 'vitest'
import { openBreakableRelay } from './breakable-relay.js'
import {
  connect,
  nodesOfHerd,
  PATIENCE_MS,
  scratchHerd,
  scratchPool,
  unhurried,
  until,
} from './scratch-herd.js'

let herd: Herd
let nodes: string[]

beforeAll(async () => {
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
  await (await connect(herd.dsn('main-1'))).query(`create table written (commit text not null);
    create procedure write_it() language sql as
      $$ insert into written values (current_setting('synchronous_commit')) $$`)
}, 120_000)

test('a policy holds for a transaction, and not for what comes after it on the connection', async () => {
  const policies = { quick: { consistency: 'primary', synchronousCommit: 'local' } } as const
  const pool = scratchPool({ nodes, policies, max: 1 })
  const seen = await pool.with('quick').transaction(async (tx) => {
    const { rows } = await tx.query('select pg_backend_pid() as pid, current_setting($1) as commit', [
      'synchronous_commit',
    ])
    return rows[0]
  })
  expect(seen.commit).toBe('local')
  const after = await pool.transaction(async (tx) => {
    const { rows } = await tx.query('select pg_backend_pid() as pid, current_setting($1) as commit', [
      'synchronous_commit',
    ])
    return rows[0]
  })
  expect(after).toEqual({ pid: seen.pid, commit: 'on' })
})

test('a read-only transaction is answered where its policy says', async () => {
  const policies = { strong: { consistency: 'primary' }, loose: { consistency: 'eventual' } } as const
  const pool = scratchPool(unhurried({ nodes, policies }))
  const isStandby = async (policy: 'strong' | 'loose'): Promise<boolean> =>
    await pool.with(policy).transaction(
      async (tx) => {
        const { rows } = await tx.query('select pg_is_in_recovery() as standby')
        return rows[0].standby
      },
      { readOnly: true },
    )
  expect([await isStandby('strong'), await isStandby('loose')]).toEqual([false, true])
})

const WRITE = "insert into written values (current_setting('synchronous_commit')) returning commit"

test('a policy’s synchronous_commit holds for each of its writes, and for none of others on the connection', async () => {
  const policies = {
    quick: { synchronousCommit: 'local' },
    careful: { synchronousCommit: 'remote_apply' },
  } as const
  const pool = scratchPool({ nodes, policies, max: 1 })
  const under = async (policy: 'quick' | 'careful' | null): Promise<unknown> =>
    (await (policy === null ? pool : pool.with(policy)).query(WRITE)).rows[0].commit
  const seen = []
  for (const policy of ['quick', null, 'careful', 'quick', null] as const) seen.push(await under(policy))
  expect(seen).toEqual(['local', 'on', 'remote_apply', 'local', 'on'])
  // Also where a statement commits by itself, or is several.
  await pool.query('truncate written')
  await pool.with('quick').query('call write_it()')
  await pool.query('call write_it()')
  await pool.with('careful').query(`${WRITE}; ${WRITE}`)
  await pool.query({ text: 'call write_it()' })
  const { rows } = await pool.query('select commit from written')
  expect(rows.map(({ commit }) => commit)).toEqual(['local', 'on', 'remote_apply', 'remote_apply', 'on'])
  expect(pool.totalCount).toBe(1)
})

test('a write under a policy takes one round trip', async () => {
  const relay = await openBreakableRelay(herd.primaryOf() as { host: string; port: number })
  const url = new URL(nodes[0] as string)
  url.port = String(relay.port)
  const policies = { quick: { synchronousCommit: 'local' } } as const
  const pool = scratchPool({ nodes: [url.href], policies, max: 1, probe: { timeoutMs: 5000 } })
  await pool.with('quick').query(WRITE)
  const pass = relay.hold()
  const write = pool.with('quick').query("insert into written values ('held')")
  // Nothing has been answered: all of it was sent at once.
  await until('the write has been sent', () => relay.sent.includes("('held')"))
  const sent = relay.sent.length
  pass()
  expect((await write).rowCount).toBe(1)
  const after = relay.sent.slice(sent)
  expect(after).not.toMatch(/synchronous_commit|COMMIT|DISCARD/)
})

test('a policy that waits for no standby writes while all of them hang; one that does waits', async () => {
  const policies = { quick: { synchronousCommit: 'local' } } as const
  const pool = scratchPool({ nodes, policies })
  await pool.query('truncate written')
  for (const name of ['main-2', 'main-3']) await herd.disturb(name, 'pause')
  let waited = false
  const slow = pool.query(WRITE).then(() => {
    waited = true
  })
  try {
    expect((await pool.with('quick').query(WRITE)).rows).toEqual([{ commit: 'local' }])
    const quick = pool.with('quick').transaction((tx) => tx.query(WRITE))
    expect((await quick).rows).toEqual([{ commit: 'local' }])
    expect(waited).toBe(false)
  } finally {
    for (const name of ['main-2', 'main-3']) await herd.disturb(name, 'resume')
  }
  await slow
  await herd.whenWhole(PATIENCE_MS)
})

test('consistency is that of the query, else of the policy, else of the pool', async () => {
  const policies = {
    strong: { consistency: 'primary' },
    loose: { consistency: 'eventual' },
    plain: {},
  } as const
  const pool = scratchPool(unhurried({ nodes, policies, consistency: 'primary' }))
  await pool.query('select 1')
  const roleOf = async (run: () => Promise<unknown>): Promise<string> => {
    const before = pool.statistics.statements
    await run()
    const { primary, standby } = pool.statistics.statements
    return `${primary.lane - before.primary.lane}/${standby.lane - before.standby.lane}`
  }
  const text = 'select commit from written'
  expect([
    await roleOf(() => pool.query(text)),
    await roleOf(() => pool.query({ text, consistency: 'eventual' })),
    await roleOf(() => pool.query({ text, consistency: { bounded: { maxStalenessMs: 60_000 } } })),
    await roleOf(() => pool.with('loose').query(text)),
    await roleOf(() => pool.with('loose').query({ text, consistency: 'primary' })),
    await roleOf(() => pool.with('strong').query({ text, consistency: 'eventual' })),
    await roleOf(() => pool.with('plain').query(text)),
  ]).toEqual(['1/0', '0/1', '0/1', '0/1', '1/0', '0/1', '1/0'])
})
