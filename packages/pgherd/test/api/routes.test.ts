import { setTimeout as sleep } from 'node:timers/promises'
import type { HerdStatus } from '@pgherd/core'
import type { AuditEntry, AuditView, EventsView, HerdView, Job, SqlAnswer, TableView } from '@pgherd/core/api'
import pg from 'pg'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ask, Described, type ScratchApi, StreamReader, scratchApi, until } from './scratch-api.js'

let scratch: ScratchApi
let api: Described
let stops = 0

beforeAll(async () => {
  scratch = await scratchApi('groups: [{ nodes: 2 }]\n', { onStop: () => stops++ })
  api = await Described.at(scratch.url)
})

async function sql(request: Record<string, unknown>): Promise<SqlAnswer> {
  return (await api.ask<SqlAnswer>('/v1/sql', '/v1/sql', { body: request })).body
}

describe('what the herd is', () => {
  test('the herd, its topology and its log', async () => {
    const { body: herd } = await api.ask<HerdView>('/v1/herd', '/v1/herd')
    expect(herd).toMatchObject({ name: 'scratch', database: 'scratch', isSharded: false, may: { act: true } })
    for (const query of ['', '?fresh=true']) {
      const { body } = await api.ask<HerdStatus>('/v1/topology', `/v1/topology${query}`)
      expect(body.api).toEqual({ url: scratch.url })
      expect(body.groups[0]?.nodes.map(({ name, role }) => `${name} ${role}`)).toEqual([
        'main-1 primary',
        'main-2 standby',
      ])
    }
    const log = await api.ask<{ lines: string[] }>('/v1/nodes/{node}/log', '/v1/nodes/main-1/log?lines=5')
    expect(log.body.lines).toHaveLength(5)
    expect(await api.refused('/v1/nodes/{node}/log', '/v1/nodes/nobody/log')).toMatchObject({
      status: 404,
      code: 'UNKNOWN_NODE',
    })
  })

  test('a sample each second, with what every node does', async () => {
    const { samples } = await until('there are samples', async () => {
      const { body } = await api.ask<{ samples: { nodes: { transactionsPerSecond: number | null }[] }[] }>(
        '/v1/samples',
        '/v1/samples?seconds=10',
      )
      const last = body.samples.at(-1)
      return body.samples.length > 2 && last?.nodes.every((node) => node.transactionsPerSecond !== null)
        ? body
        : null
    })
    expect(samples.at(-1)).toMatchObject({
      nodes: [
        { name: 'main-1', lagBytes: null },
        { name: 'main-2', lagBytes: expect.any(Number), connections: expect.any(Number) },
      ],
      latencyMs: null,
      clients: 0,
    })
  })

  test('health, readiness and figures for Prometheus', async () => {
    expect(await ask(`${scratch.url}/healthz`)).toMatchObject({ status: 200, text: 'ok\n' })
    expect(await ask(`${scratch.url}/readyz`)).toMatchObject({ status: 200, text: 'ok\n' })
    const { text } = await ask(`${scratch.url}/metrics`)
    expect(text).toContain('pgherd_node_is_primary{group="main",node="main-1"} 1')
    expect(text).toContain('pgherd_node_lag_bytes{group="main",node="main-2"}')
    expect(text).toContain('pgherd_failovers_total{group="main"} 0')
    expect(text).toMatch(/pgherd_events_total\{kind="group-formed",group="main"\} 1|pgherd_events_total/)
    expect(text).toMatch(/pgherd_api_request_duration_seconds_count\{method="GET",route="\/v1\/herd"/)
  })

  test('the document names every route, and a page shows it without anything from elsewhere', async () => {
    expect(Object.keys(api.paths).sort()).toEqual([
      '/healthz',
      '/metrics',
      '/readyz',
      '/v1/audit',
      '/v1/events',
      '/v1/groups/{group}/failover',
      '/v1/groups/{group}/nodes',
      '/v1/groups/{group}/switchover',
      '/v1/herd',
      '/v1/jobs',
      '/v1/jobs/{id}',
      '/v1/nodes/{node}',
      '/v1/nodes/{node}/chaos',
      '/v1/nodes/{node}/log',
      '/v1/samples',
      '/v1/shards',
      '/v1/shards/compare',
      '/v1/shards/where',
      '/v1/sql',
      '/v1/stop',
      '/v1/tables',
      '/v1/topology',
    ])
    const docs = await ask(`${scratch.url}/docs/`)
    expect(docs.status).toBe(200)
    expect(docs.text).not.toMatch(/(?:src|href)="https?:/)
    expect(docs.headers['content-security-policy']).toContain("default-src 'self'")
  })
})

describe('statements', () => {
  // A caller may run 20 a second, which a fast machine reaches.
  beforeEach(() => sleep(300))

  test('a read is answered by a standby, as text, with why', async () => {
    const answer = await sql({
      text: "select 1 as one, null::text as none, array[1,2] as both, '<b>' as markup",
    })
    expect(answer).toMatchObject({
      command: 'SELECT',
      rowCount: 1,
      rows: [['1', null, '{1,2}', '<b>']],
      columns: [
        { name: 'one', type: 'integer' },
        { name: 'none', type: 'text' },
        { name: 'both', type: 'integer[]' },
        { name: 'markup', type: 'text' },
      ],
      isTruncated: false,
      plan: { kind: 'one group', groups: ['main'], node: 'main-2', role: 'standby', connection: 'shared' },
    })
  })

  test('a write goes to the primary, and a read afterwards sees it', async () => {
    expect(await sql({ text: 'create table notes (id int primary key, note text)' })).toMatchObject({
      plan: { node: 'main-1', role: 'primary' },
    })
    const written = await sql({ text: 'insert into notes values ($1, $2) returning *', values: ['7', null] })
    expect(written).toMatchObject({
      command: 'INSERT',
      rowCount: 1,
      rows: [['7', null]],
      plan: { role: 'primary' },
    })
    expect((await sql({ text: 'select count(*) from notes' })).rows).toEqual([['1']])
    expect((await sql({ text: 'select 1', consistency: 'primary' })).plan).toMatchObject({
      node: 'main-1',
      why: 'only the primary may answer under this consistency',
    })
  })

  test('of a huge answer no more rows are made than are asked for', async () => {
    const answer = await sql({
      text: "select 1, repeat('x', 1000) from pg_attribute a, pg_attribute b, pg_attribute c",
      maxRows: 3,
    })
    expect(answer).toMatchObject({ isTruncated: true, rowCount: null })
    expect(answer.rows.map(([first]) => first)).toEqual(['1', '1', '1'])
    // What writes is run to its end all the same.
    const written = await sql({
      text: "insert into notes select g, 'x' from generate_series(100, 149) g returning id",
      maxRows: 1,
    })
    expect(written).toMatchObject({ isTruncated: true, rows: [['100']] })
    expect((await sql({ text: "select count(*) from notes where note = 'x'" })).rows).toEqual([['50']])
  })

  test('EXPLAIN comes with it when it is wanted', async () => {
    const answer = await sql({ text: 'select * from notes where id = $1', values: ['7'], explain: true })
    expect(answer.explain).toMatch(/Scan .*on notes/)
    expect((await sql({ text: 'show work_mem', explain: true })).explain).toBeNull()
  })

  test('what the server says beside the answer comes with it, whichever connection it was on', async () => {
    const said = `raise notice 'one'; raise notice 'one'; raise warning 'two' using detail = 'more', hint = 'less'`
    const onOwn = await sql({ text: `do $$ begin ${said}; end $$` })
    expect(onOwn.notices).toEqual(['NOTICE: one', 'NOTICE: one', 'WARNING: two (more) HINT: less'])
    expect(onOwn.plan).toMatchObject({ connection: 'own' })
    const shared = await sql({ text: "select to_tsquery('english', 'the')" })
    expect(shared.notices).toEqual([
      expect.stringMatching(/^NOTICE: text-search query contains only stop words/),
    ])
    expect(shared.plan).toMatchObject({ connection: 'shared' })
    // What one statement was told is not told to the next.
    expect((await sql({ text: 'select 1' })).notices).toEqual([])
    expect((await sql({ text: 'drop table if exists nowhere' })).notices).toHaveLength(1)
    expect((await sql({ text: 'create table somewhere (id int)' })).notices).toEqual([])
  })

  test('of more notices than a person reads the first come, cut short, with how many more there are', async () => {
    const said = `raise notice '% %', n, repeat('x', 3000)`
    const { notices } = await sql({ text: `do $$ begin for n in 1..250 loop ${said}; end loop; end $$` })
    expect(notices).toHaveLength(101)
    expect(notices[99]).toMatch(/^NOTICE: 100 x+…$/)
    expect(notices[99]?.length).toBeLessThan(2010)
    expect(notices[100]).toBe('… and 150 more')
  })

  test('of a table that somebody else has made a moment ago it is said why the primary answers', async () => {
    const client = new pg.Client({ connectionString: scratch.herd.dsn('main-1') })
    await client.connect()
    await client.query('create table made_elsewhere (id int)')
    await client.end()
    expect((await sql({ text: 'select * from made_elsewhere' })).plan).toMatchObject({
      role: 'primary',
      why: 'the table made_elsewhere is not known yet, perhaps because it is new, so that the primary answers to be on the safe side',
    })
    // What was made here is known at once.
    await sql({ text: 'create table made_here (id int)' })
    expect((await sql({ text: 'select * from made_here' })).plan).toMatchObject({
      why: 'it only reads, so a standby answers',
    })
  })

  test('what PostgreSQL refuses keeps its state, position and hint', async () => {
    expect(await api.refused('/v1/sql', '/v1/sql', { body: { text: 'select 1 +' } })).toMatchObject({
      status: 422,
      code: 'SQL_FAILED',
      sqlState: '42601',
      position: 11,
    })
    expect(
      await api.refused('/v1/sql', '/v1/sql', { body: { text: 'select nota from notes' } }),
    ).toMatchObject({ sqlState: '42703', hint: expect.stringContaining('notes.note') })
    expect(await api.refused('/v1/sql', '/v1/sql', { body: { text: 'select 1; select 2' } })).toMatchObject({
      code: 'SQL_FAILED',
      sqlState: '42601',
      detail: expect.stringContaining('multiple commands'),
      hint: expect.stringContaining('one after the other'),
    })
  })

  test.each(['begin', 'START transaction', 'commit', 'rollback'])(
    '%s is refused, and leaves nothing open: each statement is a transaction of its own',
    async (text) => {
      expect(await api.refused('/v1/sql', '/v1/sql', { body: { text } })).toMatchObject({
        status: 422,
        code: 'NOT_SUPPORTED',
        hint: expect.stringContaining('DO block'),
      })
      const { rows } = await sql({
        text: "select count(*) from pg_stat_activity where state like 'idle in transaction%'",
        consistency: 'primary',
      })
      expect(rows).toEqual([['0']])
    },
  )

  test.each([
    [{}, 'text'],
    [{ text: '' }, 'text'],
    [{ text: 'select 1', maxRows: 0 }, 'maxRows'],
    [{ text: 'select 1', values: [1] }, 'values'],
    [{ text: 'select 1', extra: true }, 'extra'],
  ])('I9: %j is refused, naming %s', async (body, field) => {
    expect(await api.refused('/v1/sql', '/v1/sql', { body })).toMatchObject({
      status: 400,
      code: 'USAGE',
      detail: expect.stringContaining(field),
    })
  })

  test('tables come with their columns, keys, indexes and sizes', async () => {
    const { tables } = (await api.ask<{ tables: TableView[] }>('/v1/tables', '/v1/tables')).body
    expect(tables.find(({ name }) => name === 'notes')).toMatchObject({
      schema: 'public',
      kind: 'table',
      placement: 'home',
      columns: [
        { name: 'id', type: 'integer', isNullable: false, isPrimaryKey: true },
        { name: 'note', type: 'text', isNullable: true, isPrimaryKey: false },
      ],
      indexes: [{ name: 'notes_pkey', definition: expect.stringContaining('UNIQUE') }],
    })
    expect(tables.every(({ schema }) => schema === 'public')).toBe(true)
  })

  test('a herd without shards says so', async () => {
    for (const path of ['/v1/shards', '/v1/shards/compare', '/v1/shards/where?table=notes&key=1'])
      expect(await api.refused(path.replace(/\?.*/, ''), path)).toMatchObject({
        status: 404,
        code: 'NOT_SUPPORTED',
      })
  })
})

describe('what people begin', () => {
  test('a switchover is a job, seen in the stream, and can be taken back', async () => {
    const stream = new StreamReader(`${scratch.url}/v1/events`)
    await until('it listens', () => stream.of('topology').length > 0)
    const { body: job, headers } = await api.ask<Job>(
      '/v1/groups/{group}/switchover',
      '/v1/groups/main/switchover',
      { body: { to: 'main-2' } },
    )
    expect(headers.location).toBe(`/v1/jobs/${job.id}`)
    expect(await api.ended(job)).toMatchObject({
      state: 'done',
      progress: 1,
      undo: { method: 'POST', path: '/v1/groups/main/switchover', body: { to: 'main-1' } },
    })
    await until('the stream tells all of it', () => {
      const isDone = stream.of('job').some(({ data }) => (data as Job).state === 'done')
      const primary = (stream.of('topology').at(-1)?.data as HerdStatus | undefined)?.groups[0]?.nodes.find(
        ({ role }) => role === 'primary',
      )
      return isDone && primary?.name === 'main-2'
    })
    const finished = stream
      .of('event')
      .find(({ data }) => (data as { kind: string }).kind === 'failover-finished')
    expect(finished?.data).toMatchObject({
      node: 'main-2',
      cause: { observed: expect.any(String), decided: expect.stringContaining('epoch 2') },
    })
    // I10: ids go on, so whoever was away hears what was missed.
    const missed = new StreamReader(`${scratch.url}/v1/events?only=event`, {
      'last-event-id': String((finished?.id ?? 0) - 1),
    })
    await until('it hears what it missed', () => missed.messages[0]?.id === finished?.id)
    expect(missed.messages.every(({ kind }) => kind === 'event')).toBe(true)
    stream.close()
    missed.close()
    const jobs = await api.ask<{ jobs: Job[] }>('/v1/jobs', '/v1/jobs')
    expect(jobs.body.jobs[0]).toMatchObject({ id: job.id, kind: 'switchover' })
  })

  test('a refused failover ends as a failed job with the code', async () => {
    await scratch.herd.whenWhole()
    const paused = await api.ask<Job>('/v1/nodes/{node}/chaos', '/v1/nodes/main-1/chaos', {
      body: { action: 'pause' },
    })
    expect(await api.ended(paused.body)).toMatchObject({
      state: 'done',
      undo: { path: '/v1/nodes/main-1/chaos', body: { action: 'resume' } },
    })
    await until('the standby counts for nothing', async () => {
      const { body } = await api.ask<HerdStatus>('/v1/topology', '/v1/topology')
      return body.groups[0]?.stalled
    })
    const { body: job } = await api.ask<Job>('/v1/groups/{group}/failover', '/v1/groups/main/failover', {
      body: {},
    })
    expect(await api.ended(job)).toMatchObject({
      state: 'failed',
      error: { code: 'NO_ELIGIBLE_SUCCESSOR', hint: expect.stringContaining('--accept-loss') },
    })
    const resumed = await api.ask<Job>('/v1/nodes/{node}/chaos', '/v1/nodes/main-1/chaos', {
      body: { action: 'resume' },
    })
    expect(await api.ended(resumed.body)).toMatchObject({ state: 'done' })
    await scratch.herd.whenWhole()
  })

  test.each([
    ['/v1/groups/{group}/failover', '/v1/groups/none/failover', {}, 404, 'UNKNOWN_GROUP'],
    ['/v1/groups/{group}/switchover', '/v1/groups/main/switchover', { to: 'none' }, 404, 'UNKNOWN_NODE'],
    ['/v1/nodes/{node}/chaos', '/v1/nodes/none/chaos', { action: 'kill' }, 404, 'UNKNOWN_NODE'],
    ['/v1/nodes/{node}/chaos', '/v1/nodes/main-1/chaos', { action: 'burn' }, 400, 'USAGE'],
    ['/v1/nodes/{node}/chaos', '/v1/nodes/%3Cscript%3E/chaos', { action: 'kill' }, 404, 'UNKNOWN_NODE'],
    ['/v1/groups/{group}/nodes', '/v1/groups/none/nodes', {}, 404, 'UNKNOWN_GROUP'],
    ['/v1/groups/{group}/nodes', '/v1/groups/main/nodes', { count: 0 }, 400, 'USAGE'],
  ])('I9: %s is refused for %s with %j', async (template, path, body, status, code) => {
    expect(await api.refused(template, path, { body })).toMatchObject({ status, code })
  })

  test('I9: a job that is not there, and paths that are not', async () => {
    expect(await api.refused('/v1/jobs/{id}', '/v1/jobs/none')).toMatchObject({
      status: 404,
      code: 'UNKNOWN_JOB',
    })
    expect((await ask<{ code: string }>(`${scratch.url}/v1/none`)).body.code).toBe('USAGE')
    expect((await ask(`${scratch.url}/v1/none`)).status).toBe(404)
  })

  async function audit(query = ''): Promise<AuditEntry[]> {
    return (await api.ask<AuditView>('/v1/audit', `/v1/audit${query}`)).body.entries
  }

  test('what was done is written down, also what was refused, newest first', async () => {
    const entries = await audit('?last=1000')
    expect(entries.map(({ id }) => id)).toEqual(entries.map((_, at) => entries.length - at))
    const { body } = await api.ask<{ jobs: Job[] }>('/v1/jobs', '/v1/jobs')
    expect(entries).toContainEqual(
      expect.objectContaining({
        action: 'switchover',
        who: 'loopback',
        path: '/v1/groups/main/switchover',
        status: 202,
        job: body.jobs.find(({ kind }) => kind === 'switchover')?.id,
        what: '{"to":"main-2"}',
      }),
    )
    expect(entries).toContainEqual(expect.objectContaining({ action: 'sql', status: 422, job: null }))
  })

  test('the audit log is paged by ids, and filtered by action, caller and outcome', async () => {
    const all = await audit('?last=1000')
    expect(await audit('?last=2')).toEqual(all.slice(0, 2))
    expect(await audit(`?last=3&before=${all[1]?.id}`)).toEqual(all.slice(2, 5))
    expect(await audit('?action=chaos')).toEqual(all.filter(({ action }) => action === 'chaos'))
    expect((await audit('?action=chaos&outcome=accepted')).map(({ what }) => what)).toEqual([
      '{"action":"resume"}',
      '{"action":"pause"}',
    ])
    const refused = await audit('?outcome=refused&last=1000')
    expect(refused.length).toBeGreaterThan(5)
    expect(refused).toEqual(all.filter(({ status }) => status >= 400 && status < 500))
    expect(await audit('?who=loopback&last=1000')).toEqual(all)
    expect(await audit('?who=somebody')).toEqual([])
    for (const query of ['?action=burn', '?outcome=bad', '?before=0', '?last=1001', '?whom=me'])
      expect(await api.refused('/v1/audit', `/v1/audit${query}`)).toMatchObject({
        status: 400,
        code: 'USAGE',
      })
  })

  test('events are paged by their ids, oldest first', async () => {
    const all = (await api.ask<EventsView>('/v1/events', '/v1/events?last=1000')).body.events
    const ids = all.map(({ id }) => id)
    expect(ids).toEqual(ids.map((_, at) => (ids[0] as number) + at))
    const middle = ids[Math.floor(ids.length / 2)] as number
    const before = (await api.ask<EventsView>('/v1/events', `/v1/events?last=2&before=${middle}`)).body.events
    expect(before.map(({ id }) => id)).toEqual([middle - 2, middle - 1])
    expect(await api.refused('/v1/events', '/v1/events?last=-1')).toMatchObject({ code: 'USAGE' })
    expect(
      await api.refused('/v1/events', '/v1/events?only=none', { headers: { accept: 'text/event-stream' } }),
    ).toMatchObject({ code: 'USAGE', detail: expect.stringContaining('topology') })
  })

  test('stop is answered before it is done', async () => {
    const { body } = await api.ask<Job>('/v1/stop', '/v1/stop', { body: {} })
    expect(body.kind).toBe('stop')
    await until('whoever supervises was told', () => stops === 1)
  })
})
