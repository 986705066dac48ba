import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Sample } from '@pgherd/core/api'
import pg from 'pg'
import { expect, test } from 'vitest'
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
  const client = new pg.Client({ connectionString: (await done(['dsn', '--proxy'], { cwd })).trim() })
  client.on('error', () => {})
  await client.connect()
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

  const added = await pgherd(['node', 'add', 'main'], { cwd })
  expect(added).toMatchObject({ code: 0, stdout: expect.stringMatching(/main-3 +standby +running/) })
  const { port, user, password, database } = pgOf((await done(['dsn', '--proxy'], { cwd })).trim())
  // The proxy was replaced by one that knows it.
  await until('the proxy reads from the new standby', async () => {
    const reader = new pg.Client({ host: '127.0.0.1', port, user, password, database })
    reader.on('error', () => {})
    try {
      await reader.connect()
      await reader.query('select count(*) from t')
      const { rows } = await reader.query<{ node: string }>('show pgherd.plan')
      return rows[0]?.node === `127.0.0.1:${(await nodesOf(cwd))['main-3']?.port}`
    } catch {
      return false
    } finally {
      await reader.end().catch(() => {})
    }
  })

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
  await done(['node', 'remove', 'main-4', '--yes'], { cwd })
  expect(Object.keys(await nodesOf(cwd))).toEqual(['main-1', 'main-2', 'main-3'])
})

function pgOf(dsn: string): { port: number; user: string; password: string; database: string } {
  const { port, username, password, pathname } = new URL(dsn)
  return { port: Number(port), user: username, password, database: pathname.slice(1) }
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
