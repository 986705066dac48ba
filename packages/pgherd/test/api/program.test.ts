import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createPool } from '@pgherd/client'
import type { Sample } from '@pgherd/core/api'
import pg from 'pg'
import { afterEach, expect, test } from 'vitest'
import { done, newFolder, nodesOf, pgherd, SPEC, start, statusOf, until } from '../scratch-cli.js'
import { ask } from './scratch-api.js'

const DEPLOY = fileURLToPath(new URL('../../../../deploy/', import.meta.url))

test('the program: its page, tokens, figures, and standbys that come and go', {
  timeout: 300_000,
}, async () => {
  const cwd = newFolder()
  writeFileSync(join(cwd, 'herd.yaml'), `${SPEC}groups: [{ nodes: 2 }]\n`)
  const up = await done(['up', '--detach'], { cwd })
  const url = (await statusOf(cwd)).api?.url ?? 'none'
  expect(up).toContain(`The page that shows the herd (pgherd open):\n  ${url}`)
  expect(await done(['status'], { cwd })).toContain(`page   ${url}`)
  // There is no browser here.
  const opened = await pgherd(['open'], { cwd, env: { PATH: '' } })
  expect(opened).toMatchObject({
    code: 0,
    stdout: `${url}\n`,
    stderr: expect.stringContaining('go to this address'),
  })

  const token = (
    await done(['token', 'create', 'grafana', '--read-only', '--expires', '90d'], { cwd })
  ).trim()
  expect(token).toMatch(/^pgherd_[\w-]{43}$/)
  const asGrafana = { headers: { authorization: `Bearer ${token}` } }
  expect((await ask<{ may: object }>(`${url}/v1/herd`, asGrafana)).body.may).toEqual({ act: false })
  expect(await done(['token', 'list'], { cwd })).toMatch(/grafana +look/)
  expect(await done(['token', 'list', '--json'], { cwd })).not.toContain('hash')
  await done(['token', 'revoke', 'grafana'], { cwd })
  expect((await ask(`${url}/v1/herd`, asGrafana)).status).toBe(401)
  expect(await pgherd(['token', 'revoke', 'grafana'], { cwd })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('UNKNOWN_TOKEN'),
  })

  // What goes through the proxy is in the samples, by node, and in the figures.
  const client = await connect((await done(['dsn', '--proxy'], { cwd })).trim())
  await client.query('create table t as select generate_series(1, 1000) g')
  await until('statements are in the samples', async () => {
    for (let n = 0; n < 20; n++) await client.query('select count(*) from t')
    const { samples } = (await ask<{ samples: Sample[] }>(`${url}/v1/samples?seconds=2`)).body
    return samples.some(
      ({ latencyMs, clients, nodes }) =>
        latencyMs !== null &&
        clients === 1 &&
        (nodes.find(({ name }) => name === 'main-2')?.readsPerSecond ?? 0) > 0,
    )
  })
  await client.end()
  await expectFigures(url)

  // Who is connected, through the proxy or by a pool, stays connected while a standby comes, and reads there.
  const proxyDsn = (await done(['dsn', '--proxy'], { cwd })).trim()
  const open = await connect(proxyDsn)
  // Each keeps to one of the standbys that are as good.
  const idle = [await connect(proxyDsn), await connect(proxyDsn), await connect(proxyDsn)]
  await open.query('begin')
  await open.query('create table mine as select 1 as n')
  const pool = createPool({
    nodes: [(await done(['dsn', 'main-1'], { cwd })).trim(), (await done(['dsn', 'main-2'], { cwd })).trim()],
    supervisor: join(cwd, '.pgherd/scratch/control.sock'),
  })
  await pool.query('select count(*) from t')
  const proxyPid = proxyPidIn(cwd)
  const added = await pgherd(['node', 'add', 'main'], { cwd })
  expect(added).toMatchObject({ code: 0, stdout: expect.stringMatching(/main-3 +standby +running/) })
  const third = `127.0.0.1:${(await nodesOf(cwd))['main-3']?.port}`
  await until('the proxy reads from the new standby', async () => (await readAt(idle)).includes(third))
  await until('the pool knows it', () => pool.topology.nodes[third]?.state === 'in')
  await open.query('insert into mine values (2)')
  await open.query('commit')
  expect((await open.query('select count(*)::int as n from mine')).rows).toEqual([{ n: 2 }])
  expect(proxyPidIn(cwd)).toBe(proxyPid)

  // I10: the supervisor is killed while it adds one more, and the next one carries on.
  const adding = start(['node', 'add', 'main'], { cwd })
  const identity = join(cwd, '.pgherd/scratch/herd.json')
  await until('it is written down', () => readFileSync(identity, 'utf8').includes('"main-4"'))
  const { pid } = JSON.parse(readFileSync(join(cwd, '.pgherd/scratch/supervisor.lock'), 'utf8')) as {
    pid: number
  }
  process.kill(pid, 'SIGKILL')
  expect((await adding.ended).code).toBe(1)
  await done(['up', '--detach'], { cwd })
  expect((await nodesOf(cwd))['main-4']).toMatchObject({ role: 'standby', state: 'running' })

  expect(await pgherd(['node', 'remove', 'main-4'], { cwd })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('CONFIRMATION_NEEDED'),
  })
  expect(await pgherd(['node', 'remove', 'main-1', '--yes'], { cwd })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('pgherd switchover main'),
  })
  // While a standby goes nobody loses a connection, and no read fails.
  const fourth = `127.0.0.1:${(await nodesOf(cwd))['main-4']?.port}`
  await until('the proxy reads there', async () => (await readAt(idle)).includes(fourth))
  await until('the pool knows it', () => pool.topology.nodes[fourth]?.state === 'in')
  const failures: unknown[] = []
  let isOver = false
  const readers = [await connect(proxyDsn), await connect(proxyDsn), pool]
  const load = readers.map(async (reader) => {
    while (!isOver) {
      await reader.query('select count(*) from t').catch((error: unknown) => failures.push(error))
      await sleep(2)
    }
  })
  await done(['node', 'remove', 'main-4', '--yes'], { cwd })
  expect(Object.keys(await nodesOf(cwd))).toEqual(['main-1', 'main-2', 'main-3'])
  isOver = true
  await Promise.all(load)
  expect(failures).toEqual([])
  expect(Object.keys(pool.topology.nodes)).not.toContain(fourth)
  await readAt(idle)
  expect(proxyPidIn(cwd)).toBe(proxyPid)
  await pool.end()
})

const clients: pg.Client[] = []

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => {})))
})

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  clients.push(client)
  await client.connect()
  return client
}

/** `host:port` of the nodes that answer their reads through the proxy. */
function readAt(clients: readonly pg.Client[]): Promise<(string | undefined)[]> {
  return Promise.all(
    clients.map(async (client) => {
      await client.query('select count(*) from t')
      return (await client.query<{ node: string }>('show pgherd.plan')).rows[0]?.node
    }),
  )
}

function proxyPidIn(cwd: string): number {
  return JSON.parse(readFileSync(join(cwd, '.pgherd/scratch/proxy.lock'), 'utf8')).pid as number
}

/** Every figure that the alert rules and the dashboard name is there. */
async function expectFigures(url: string): Promise<void> {
  const { text } = await ask(`${url}/metrics`)
  const there = new Set([...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name))
  for (const file of ['alerts.yml', 'grafana-dashboard.json']) {
    const named = [...readFileSync(join(DEPLOY, file), 'utf8').matchAll(/pgherd_[a-z_]+/g)].map(
      ([name]) => name,
    )
    expect(named.length).toBeGreaterThan(5)
    for (const name of new Set(named))
      expect(there, `${file}: ${name}`).toContain(name.replace(/_bucket$/, ''))
  }
}
