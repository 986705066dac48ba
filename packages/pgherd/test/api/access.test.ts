import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { HerdStatus } from '@pgherd/core'
import type { AuditView, EventsView, HerdView } from '@pgherd/core/api'
import { beforeAll, describe, expect, test } from 'vitest'
import { TokenStore } from '../../src/api/access/token-store.js'
import {
  ask,
  Described,
  newStateDir,
  type ScratchApi,
  StreamReader,
  scratchApi,
  until,
} from './scratch-api.js'

const ONE_NODE = 'groups: [{ nodes: 1 }]\n'
let scratch: ScratchApi
let api: Described
let tokens: TokenStore
let page: string

beforeAll(async () => {
  page = join(newStateDir(), 'page')
  mkdirSync(join(page, 'assets'), { recursive: true })
  writeFileSync(join(page, 'index.html'), '<!doctype html><title>herd</title>')
  writeFileSync(join(page, 'assets/app-4f2a.js'), 'void 0')
  scratch = await scratchApi(`${ONE_NODE}api: { tokens: always }\n`, { page })
  tokens = new TokenStore(scratch.herd.paths.tokens)
  api = await Described.at(scratch.url)
})

describe('tokens', () => {
  test('without one nothing is told but the page, its description and whether it is well', async () => {
    expect(await api.refused('/v1/herd', '/v1/herd')).toMatchObject({
      status: 401,
      code: 'TOKEN_NEEDED',
      hint: expect.stringContaining('pgherd token create'),
    })
    expect((await ask(`${scratch.url}/metrics`)).status).toBe(401)
    for (const path of ['/', '/healthz', '/readyz', '/openapi.json', '/docs/', '/assets/app-4f2a.js'])
      expect((await ask(scratch.url + path)).status, path).toBe(200)
  })

  test('one that is good may act, one that is read-only may look, and neither is on the disk', async () => {
    const acting = await tokens.create('acting', { readOnly: false, expiresAt: null })
    const looking = await tokens.create('looking', { readOnly: true, expiresAt: null })
    const as = (token: string) => ({ authorization: `Bearer ${token}` })
    expect((await api.ask<HerdView>('/v1/herd', '/v1/herd', { headers: as(acting) })).body.may.act).toBe(true)
    expect((await api.ask<HerdView>('/v1/herd', '/v1/herd', { headers: as(looking) })).body.may.act).toBe(
      false,
    )
    const body = { text: 'select 1' }
    expect((await api.ask('/v1/sql', '/v1/sql', { headers: as(acting), body })).status).toBe(200)
    expect(await api.refused('/v1/sql', '/v1/sql', { headers: as(looking), body })).toMatchObject({
      status: 403,
      code: 'NOT_ALLOWED',
    })
    expect(
      await api.refused('/v1/nodes/{node}/chaos', '/v1/nodes/main-1/chaos', {
        headers: as(looking),
        body: { action: 'kill' },
      }),
    ).toMatchObject({ status: 403 })
    const { tokens: file } = scratch.herd.paths
    const kept = readFileSync(file, 'utf8')
    for (const token of [acting, looking]) expect(kept).not.toContain(token.slice(7))
    expect(statSync(file).mode & 0o777).toBe(0o600)
    // What was sent stands in it, statements with their values: who may only look does not see it.
    expect(await api.refused('/v1/audit', '/v1/audit', { headers: as(looking) })).toMatchObject({
      status: 403,
      code: 'NOT_ALLOWED',
    })
    const audit = await api.ask<AuditView>('/v1/audit', '/v1/audit?who=looking', { headers: as(acting) })
    expect(audit.body.entries.map(({ action, status }) => `${action} ${status}`)).toEqual([
      'chaos 403',
      'sql 403',
    ])
    await until('it is on the disk', () =>
      readFileSync(scratch.herd.paths.audit, 'utf8').includes('"acting"'),
    )
    expect(statSync(scratch.herd.paths.audit).mode & 0o777).toBe(0o600)

    await tokens.revoke('acting')
    expect(await api.refused('/v1/herd', '/v1/herd', { headers: as(acting) })).toMatchObject({ status: 401 })
    await expect(tokens.revoke('acting')).rejects.toMatchObject({ code: 'UNKNOWN_TOKEN' })
    for (const name of ['looking', 'nobody', 'loopback'])
      await expect(tokens.create(name, { readOnly: true, expiresAt: null })).rejects.toMatchObject({
        code: 'USAGE',
      })
  })

  test('one that is read-only gets nothing done by any route, and is told why', async () => {
    const headers = {
      authorization: `Bearer ${await tokens.create('watching', { readOnly: true, expiresAt: null })}`,
    }
    const before = (await api.ask<object>('/v1/topology', '/v1/topology', { headers })).body
    const acting = Object.entries(api.paths).flatMap(([path, methods]) =>
      Object.keys(methods).flatMap((method) =>
        method === 'get' ? [] : [{ path, method: method.toUpperCase() }],
      ),
    )
    expect(acting.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([
      'DELETE /v1/nodes/{node}',
      'POST /v1/groups/{group}/failover',
      'POST /v1/groups/{group}/nodes',
      'POST /v1/groups/{group}/switchover',
      'POST /v1/nodes/{node}/chaos',
      'POST /v1/sql',
      'POST /v1/stop',
    ])
    for (const { path, method } of acting) {
      const named = path.replace('{group}', 'main').replace('{node}', 'main-1')
      for (const body of [{}, { confirm: 'main-1' }, { action: 'kill' }, { text: 'select 1' }])
        expect(await api.refused(path, named, { method, headers, body }), `${method} ${path}`).toMatchObject({
          status: 403,
          code: 'NOT_ALLOWED',
          detail: 'The token "watching" may only look.',
          hint: expect.stringContaining('pgherd token create'),
        })
    }
    const after = (await api.ask<object>('/v1/topology', '/v1/topology', { headers })).body
    expect(rolesOf(after)).toEqual(rolesOf(before))
    expect((await api.ask<{ jobs: unknown[] }>('/v1/jobs', '/v1/jobs', { headers })).body.jobs).toEqual([])
  })

  test.each([
    [
      'expired',
      async () => `Bearer ${await tokens.create('old', { readOnly: false, expiresAt: new Date(0) })}`,
    ],
    ['made up', async () => 'Bearer pgherd_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['of another kind', async () => 'Basic cm9vdDpyb290'],
    ['empty', async () => 'Bearer '],
  ])('one that is %s is refused', async (_, authorization) => {
    expect(
      await api.refused('/v1/herd', '/v1/herd', { headers: { authorization: await authorization() } }),
    ).toMatchObject({ status: 401, code: 'TOKEN_NEEDED' })
  })
})

describe('the page', () => {
  test('comes with a policy, its hashed files for ever, and its views are the same page', async () => {
    const { headers, text } = await ask(`${scratch.url}/`)
    expect(headers['content-security-policy']).toContain("default-src 'self'")
    expect(headers['cache-control']).toBe('no-cache')
    const { headers: hashed } = await ask(`${scratch.url}/assets/app-4f2a.js`)
    expect(hashed['cache-control']).toContain('immutable')
    const view = await ask(`${scratch.url}/timeline`, { headers: { accept: 'text/html' } })
    expect(view).toMatchObject({ status: 200, text })
    for (const path of ['/v1/none', '/assets/none.js', '/../../etc/passwd', '/%2e%2e/herd.json'])
      expect((await ask(scratch.url + path, { headers: { accept: 'text/html' } })).text, path).not.toContain(
        'root:',
      )
    for (const path of ['/v1/none', '/assets/none.js'])
      expect((await ask(scratch.url + path, { headers: { accept: 'text/html' } })).status, path).toBe(404)
  })

  test('is the one of a version that was installed meanwhile, whole', async () => {
    writeFileSync(join(page, 'index.html'), '<!doctype html><script src="assets/newer.js"></script>')
    writeFileSync(join(page, 'assets/newer.js'), 'newer()')
    expect((await ask(`${scratch.url}/`)).text).toContain('newer.js')
    expect(await ask(`${scratch.url}/assets/newer.js`)).toMatchObject({ status: 200, text: 'newer()' })
  })
})

describe('on a loopback address', () => {
  let open: ScratchApi
  let openApi: Described
  beforeAll(async () => {
    open = await scratchApi(ONE_NODE)
    openApi = await Described.at(open.url)
  })

  test('whoever is on this machine may ask', async () => {
    expect((await openApi.ask<HerdView>('/v1/herd', '/v1/herd')).body.may.act).toBe(true)
    for (const host of ['localhost:1', '127.0.0.1', '[::1]:80'])
      expect((await openApi.ask('/v1/herd', '/v1/herd', { headers: { host } })).status).toBe(200)
  })

  test.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1'])(
    'another name may not lead here: %j (DNS rebinding)',
    async (host) => {
      expect(await openApi.refused('/v1/herd', '/v1/herd', { headers: { host } })).toMatchObject({
        status: 403,
        code: 'NOT_ALLOWED',
      })
    },
  )

  test.each(['https://evil.example', 'null', 'http://localhost:1'])(
    'a page of %s may neither look nor act',
    async (origin) => {
      const headers = { origin }
      expect(await openApi.refused('/v1/herd', '/v1/herd', { headers })).toMatchObject({ status: 403 })
      expect(
        await openApi.refused('/v1/sql', '/v1/sql', { headers, body: { text: 'select 1' } }),
      ).toMatchObject({ status: 403, code: 'NOT_ALLOWED' })
    },
  )

  test('our own page may', async () => {
    const headers = { origin: open.url }
    expect((await openApi.ask('/v1/herd', '/v1/herd', { headers })).status).toBe(200)
  })

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', ''])(
    'what a form may send (%j) is refused',
    async (type) => {
      const headers: Record<string, string> = type === '' ? {} : { 'content-type': type }
      const answer = await openApi.refused('/v1/stop', '/v1/stop', { method: 'POST', headers })
      expect(answer).toMatchObject({ status: 415, code: 'USAGE' })
    },
  )

  test('a huge body, and one that is no JSON', async () => {
    const huge = JSON.stringify({ text: 'x'.repeat(3 * 1024 * 1024) })
    expect(await openApi.refused('/v1/sql', '/v1/sql', { body: huge })).toMatchObject({ status: 413 })
    expect(await openApi.refused('/v1/sql', '/v1/sql', { body: '{"text":' })).toMatchObject({ status: 400 })
    expect(await openApi.refused('/v1/sql', '/v1/sql', { body: '{"__proto__":{"text":"a"}}' })).toMatchObject(
      { status: 400 },
    )
  })

  test('a body that comes too slowly is cut off', async () => {
    const port = Number(new URL(open.url).port)
    const socket = connect(port, '127.0.0.1')
    let said = ''
    socket.on('data', (chunk) => {
      said += String(chunk)
    })
    socket.on('error', () => {})
    const ended = new Promise((resolve) => socket.once('close', resolve))
    socket.write(
      `POST /v1/sql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
    )
    const drip = setInterval(() => socket.write(' '), 500)
    await ended
    clearInterval(drip)
    expect(said).toMatch(/^HTTP\/1\.1 408/)
  })

  test('who asks too often is told to wait', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => ask<{ code: string }>(`${open.url}/v1/tables`)),
    )
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(10)
    expect(refused[0]).toMatchObject({
      body: { code: 'TOO_MANY_REQUESTS' },
      headers: { 'retry-after': expect.any(String) },
    })
  })

  test('a thousand streams are told the same at once, and leave nothing behind', {
    timeout: 60_000,
  }, async () => {
    const readers = Array.from({ length: 1000 }, () => new StreamReader(`${open.url}/v1/events?only=event`))
    await until('all listen', async () =>
      (await ask(`${open.url}/metrics`)).text.includes('pgherd_api_streams 1000\n'),
    )
    const { body } = await openApi.ask<EventsView>('/v1/events', '/v1/events?last=1')
    const next = (body.events[0]?.id ?? 0) + 1
    open.herd.events.add({
      at: new Date().toISOString(),
      kind: 'test',
      group: null,
      node: null,
      message: 'Told.',
    })
    await until('all have heard', () =>
      readers.every(({ messages }) => messages.some(({ id }) => id === next)),
    )
    for (const reader of readers) reader.close()
    await until('they are forgotten', async () =>
      (await ask(`${open.url}/metrics`)).text.includes('pgherd_api_streams 0\n'),
    )
  })
})

function rolesOf(topology: object): string[] {
  const { groups } = topology as HerdStatus
  return groups.flatMap(({ nodes }) =>
    nodes.map(({ name, role, state, pid }) => `${name} ${role} ${state} ${pid}`),
  )
}
