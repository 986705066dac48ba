import { statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readIdentity } from '../../src/index.js'
import { ask, connect, dataOf, nodesIn, primaryName, secretsOf, wholeHerd } from './scratch-herds.js'

test('a new herd becomes whole: a primary, and standbys that count for every commit', async () => {
  const { herd } = await wholeHerd()
  const status = await herd.status()
  expect(status).toMatchObject({ name: 'scratch', epoch: 1, proxy: null, api: null })
  expect(status.groups).toMatchObject([{ name: 'main', epoch: 1, phase: 'steady', blocked: null }])
  expect(nodesIn(status)).toMatchObject({
    'main-1': { role: 'primary', state: 'running', sync: null, lagBytes: null },
    'main-2': { role: 'standby', state: 'running', sync: 'quorum' },
    'main-3': { role: 'standby', state: 'running', sync: 'quorum' },
  })
  const [setting] = await ask<{ rule: string }>(
    herd,
    'main-1',
    `select current_setting('synchronous_standby_names') as rule`,
  )
  expect(setting?.rule).toBe('ANY 1 ("main-2", "main-3")')

  const writer = await connect(herd.dsn(primaryName(herd)))
  await writer.query('create table fact (n int)')
  await writer.query('insert into fact values (42)')
  const { rows } = await writer.query('select current_user, current_database()')
  expect(rows).toEqual([{ current_user: 'app', current_database: 'scratch' }])
})

test('two herds share no identity and no password, and only the right password opens one', async () => {
  const [one, other] = [await wholeHerd(), await wholeHerd()]
  const identifiers = await Promise.all(
    [one, other].map(async ({ herd }) => {
      const found = await Promise.all(
        ['main-1', 'main-2', 'main-3'].map((node) =>
          ask<{ id: string }>(herd, node, 'select system_identifier::text as id from pg_control_system()'),
        ),
      )
      return [...new Set(found.map(([row]) => row?.id))]
    }),
  )
  expect(identifiers.map((found) => found.length)).toEqual([1, 1])
  expect(identifiers[0]).not.toEqual(identifiers[1])
  const identity = await readIdentity(one.herd.paths.identity)
  expect(identifiers[0]).toEqual([identity?.systemIdentifiers.main])

  const passwords = [one, other].flatMap(({ herd }) => Object.values(secretsOf(herd)))
  expect(new Set(passwords).size).toBe(6)

  for (const user of ['app', 'postgres', 'pgherd_replication']) {
    for (const password of ['', 'wrong', secretsOf(other.herd).application]) {
      const attempt = connect({ ...address(one.herd.dsn('main-1')), user, password })
      await expect(attempt, `${user} with ${password}`).rejects.toThrow(
        password === '' ? /no password|password/ : /password authentication failed/,
      )
    }
  }
  const [stored] = await ask<{ all_scram: boolean; unset: number }>(
    one.herd,
    'main-1',
    `select bool_and(rolpassword like 'SCRAM-SHA-256$%') as all_scram,
       count(*) filter (where rolpassword is null)::int as unset from pg_authid where rolcanlogin`,
  )
  expect(stored).toEqual({ all_scram: true, unset: 0 })
  const rules = await ask<{ auth_method: string }>(
    one.herd,
    'main-2',
    'select distinct auth_method from pg_hba_file_rules',
  )
  expect(rules).toEqual([{ auth_method: 'scram-sha-256' }])
})

test('state is for its owner only', async () => {
  const { herd } = await wholeHerd('groups: [{ nodes: 1 }]')
  await herd.events.flush()
  const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8)
  expect(mode(herd.paths.root)).toBe('700')
  expect(mode(join(herd.paths.root, 'nodes/.'))).toBe('700')
  expect(mode(dataOf(herd, 'main-1'))).toBe('700')
  for (const path of [herd.paths.secrets, herd.paths.identity, herd.paths.lock, herd.paths.events])
    expect(mode(path), path).toBe('600')
  expect(mode(herd.paths.group('main'))).toBe('600')
  expect(mode(join(dataOf(herd, 'main-1'), 'pgherd.conf'))).toBe('600')
})

test('a group of one node serves, without a standby to wait for', async () => {
  const { herd } = await wholeHerd('groups: [{ nodes: 1 }]')
  const client = await connect(herd.dsn(primaryName(herd)))
  await client.query('create table alone (n int)')
  expect(nodesIn(await herd.status())).toMatchObject({ 'main-1': { role: 'primary', state: 'running' } })
})

test('a herd of several groups keeps them apart', async () => {
  const { herd } = await wholeHerd('groups: [{ name: left, nodes: 2 }, { name: right, nodes: 2 }]')
  const nodes = nodesIn(await herd.status())
  expect(Object.keys(nodes)).toEqual(['left-1', 'left-2', 'right-1', 'right-2'])
  const client = await connect(herd.dsn('left-1'))
  await client.query('create table only_left (n int)')
  const [row] = await ask<{ there: boolean }>(
    herd,
    'right-1',
    `select exists (select from pg_class where relname = 'only_left') as there`,
  )
  expect(row).toEqual({ there: false })
})

function address(dsn: string): { host: string; port: number; database: string } {
  const url = new URL(dsn)
  return { host: url.hostname, port: Number(url.port), database: url.pathname.slice(1) }
}
