import { existsSync, readFileSync } from 'node:fs'
import type { HerdStatus } from '@pgherd/core'
import type { Job, SqlAnswer } from '@pgherd/core/api'
import pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { abandon, Described, type ScratchApi, StreamReader, scratchApi, until } from './scratch-api.js'

const SPEC = 'groups: [{ nodes: 2 }]\n'
let scratch: ScratchApi
let api: Described

beforeAll(async () => {
  scratch = await scratchApi(SPEC)
  api = await Described.at(scratch.url)
  await api.ask<SqlAnswer>('/v1/sql', '/v1/sql', {
    body: {
      text: "create table kept as select g, repeat('x', 500) as filler from generate_series(1, 20000) g",
    },
  })
})

async function nodes(): Promise<Record<string, HerdStatus['groups'][number]['nodes'][number]>> {
  const { body } = await api.ask<HerdStatus>('/v1/topology', '/v1/topology?fresh=true')
  return Object.fromEntries((body.groups[0]?.nodes ?? []).map((node) => [node.name, node]))
}

function identity(): { members?: Record<string, string[]>; leaving?: string[] } {
  return JSON.parse(readFileSync(scratch.herd.paths.identity, 'utf8')) as ReturnType<typeof identity>
}

test('a standby is added while the herd runs, its copy is told of, and it counts', async () => {
  const stream = new StreamReader(`${scratch.url}/v1/events?only=job,nodes`)
  const { body: job } = await api.ask<Job>('/v1/groups/{group}/nodes', '/v1/groups/main/nodes', {
    body: { count: 1 },
  })
  expect(job).toMatchObject({ kind: 'add-node', node: 'main-3', title: 'Add main-3 to main' })
  expect(await api.ended(job)).toMatchObject({
    state: 'done',
    undo: { method: 'DELETE', path: '/v1/nodes/main-3', body: { confirm: 'main-3' } },
  })
  const copying = stream.of('job').flatMap(({ data }) => {
    const { step, progress } = data as Job
    return step === 'Copying main-3' && progress !== null ? [progress] : []
  })
  await until('clients are told', () => stream.of('nodes').length === 2)
  stream.close()
  const told = stream.of('nodes').map(({ data }) => data as { groups: { name: string; nodes: string[] }[] })
  expect(told.map(({ groups }) => groups.map(({ name, nodes }) => [name, nodes.length]))).toEqual([
    [['main', 2]],
    [['main', 3]],
  ])
  expect(told[1]?.groups[0]?.nodes).toContain(`127.0.0.1:${(await nodes())['main-3']?.port}`)
  expect(copying.length).toBeGreaterThan(0)
  expect(copying).toEqual([...copying].sort((one, other) => one - other))
  expect((await nodes())['main-3']).toMatchObject({ role: 'standby', state: 'running', sync: 'quorum' })
  expect(identity().members).toEqual({ main: ['main-1', 'main-2', 'main-3'] })
})

test('what was added takes over like any other, and the old primary follows it', async () => {
  const { body: job } = await api.ask<Job>('/v1/groups/{group}/switchover', '/v1/groups/main/switchover', {
    body: { to: 'main-3' },
  })
  expect(await api.ended(job)).toMatchObject({ state: 'done' })
  await scratch.herd.whenWhole()
  const { body } = await api.ask<SqlAnswer>('/v1/sql', '/v1/sql', {
    body: { text: 'select count(*) from kept', consistency: 'primary' },
  })
  expect(body).toMatchObject({ rows: [['20000']], plan: { node: 'main-3' } })
})

test('neither a primary nor what durability needs is removed, nor anything without a word', async () => {
  const remove = (node: string, confirm = node) =>
    api.refused('/v1/nodes/{node}', `/v1/nodes/${node}`, { method: 'DELETE', body: { confirm } })
  expect(await remove('main-3')).toMatchObject({
    status: 409,
    code: 'OPERATION_FAILED',
    hint: expect.stringContaining('pgherd switchover main'),
  })
  expect(await remove('main-1', 'main-2')).toMatchObject({ status: 400, code: 'CONFIRMATION_NEEDED' })
  expect(await remove('nobody')).toMatchObject({ status: 404, code: 'UNKNOWN_NODE' })
})

test('a standby is removed with its data, its slot and its vote, and a restart knows', async () => {
  const folder = scratch.herd.logFile('main-1').replace('/postgres.log', '')
  const stream = new StreamReader(`${scratch.url}/v1/events?only=nodes,event`)
  const reader = new pg.Client({ connectionString: scratch.herd.dsn('main-1') })
  reader.on('error', () => {})
  await reader.connect()
  await reader.query('begin read only')
  await reader.query('select 1')
  const { body: job } = await api.ask<Job>('/v1/nodes/{node}', '/v1/nodes/main-1', {
    method: 'DELETE',
    body: { confirm: 'main-1' },
  })
  // Clients are told before it goes, and what one of them has begun there may end.
  await until('clients are told', () => stream.of('nodes').length === 2)
  const kinds = stream.of('event').map(({ data }) => (data as { kind: string }).kind)
  expect(kinds).toContain('node-leaving')
  expect(kinds).not.toContain('node-removed')
  stream.close()
  await until('it waits', async () => {
    const { body } = await api.ask<Job>('/v1/jobs/{id}', `/v1/jobs/${job.id}`)
    return body.step === 'Waiting until nobody uses main-1'
  })
  await new Promise((resolve) => setTimeout(resolve, 500))
  await reader.query('select count(*) from kept')
  await reader.query('commit')
  expect(await api.ended(job)).toMatchObject({ state: 'done', error: null })
  await reader.end().catch(() => {})
  expect(Object.keys(await nodes())).toEqual(['main-2', 'main-3'])
  expect(existsSync(`${folder}/data`)).toBe(false)
  const slots = { text: 'select slot_name from pg_replication_slots', consistency: 'primary' }
  expect((await api.ask<SqlAnswer>('/v1/sql', '/v1/sql', { body: slots })).body.rows).toEqual([['main_2']])
  expect(
    await api.refused('/v1/nodes/{node}', '/v1/nodes/main-2', {
      method: 'DELETE',
      body: { confirm: 'main-2' },
    }),
  ).toMatchObject({ status: 409, detail: expect.stringContaining('zero-loss') })

  await abandon(scratch)
  scratch = await scratchApi(SPEC, { stateDir: scratch.stateDir })
  api = await Described.at(scratch.url)
  expect(Object.keys(await nodes())).toEqual(['main-2', 'main-3'])
})

test('I10: a supervisor that ends while a standby is being added leaves it to the next one', async () => {
  await api.ask<Job>('/v1/groups/{group}/nodes', '/v1/groups/main/nodes', { body: { count: 1 } })
  await until('it is written down', () => identity().members?.main?.includes('main-4'))
  await abandon(scratch)
  scratch = await scratchApi(SPEC, { stateDir: scratch.stateDir })
  api = await Described.at(scratch.url)
  expect((await nodes())['main-4']).toMatchObject({ state: 'running', role: 'standby', sync: 'quorum' })
})

test('I10: a supervisor that ends while a standby is being removed leaves that to the next one', async () => {
  await api.ask<Job>('/v1/nodes/{node}', '/v1/nodes/main-4', {
    method: 'DELETE',
    body: { confirm: 'main-4' },
  })
  await until('it is written down', () => identity().leaving?.includes('main-4'))
  await abandon(scratch)
  scratch = await scratchApi(SPEC, { stateDir: scratch.stateDir })
  api = await Described.at(scratch.url)
  await until('it is gone', async () => !('main-4' in (await nodes())))
  expect(identity()).toMatchObject({ members: { main: ['main-2', 'main-3'] }, leaving: [] })
  await scratch.herd.whenWhole()
})

test('whoever does not end what they read on a standby that leaves holds it up for some 10 s, not for ever', async () => {
  const { body: adding } = await api.ask<Job>('/v1/groups/{group}/nodes', '/v1/groups/main/nodes', {
    body: { count: 1 },
  })
  expect(await api.ended(adding)).toMatchObject({ state: 'done' })
  const reader = new pg.Client({ connectionString: scratch.herd.dsn(adding.node) })
  let ended = false
  reader.on('error', () => {})
  reader.once('end', () => {
    ended = true
  })
  await reader.connect()
  await reader.query('begin read only')
  await reader.query('select 1')
  const beganMs = performance.now()
  const { body: removing } = await api.ask<Job>('/v1/nodes/{node}', `/v1/nodes/${adding.node}`, {
    method: 'DELETE',
    body: { confirm: adding.node },
  })
  expect(await api.ended(removing)).toMatchObject({ state: 'done' })
  expect(performance.now() - beganMs).toBeGreaterThan(10_000)
  await until('its connection is gone', () => ended)
})

test('a spec may say how many nodes there are now', async () => {
  await abandon(scratch)
  await expect(scratchApi('groups: [{ nodes: 5 }]\n', { stateDir: scratch.stateDir })).rejects.toMatchObject({
    code: 'SPEC_CHANGED',
  })
  scratch = await scratchApi(SPEC, { stateDir: scratch.stateDir })
})
