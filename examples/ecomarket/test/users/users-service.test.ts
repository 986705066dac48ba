import { randomUUID } from 'node:crypto'
import { HerdError } from '@pgherd/client'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildService } from '../../src/http/build-service.js'
import { openPool } from '../../src/open-pool.js'
import { writeOnce } from '../../src/users/write-once.js'
import { openScratchUsers, type ScratchUsers, SHARDS, somebody } from './scratch-users.js'

let scratch: ScratchUsers
let service: FastifyInstance

beforeAll(async () => {
  scratch = await openScratchUsers('users-http')
  service = await buildService({ pool: scratch.pool, log: false })
}, 120_000)

afterAll(async () => {
  await service?.close()
  await scratch?.close()
})

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH'

function call(
  method: Method,
  url: string,
  payload?: InjectOptions['payload'],
): Promise<LightMyRequestResponse> {
  return service.inject({ method, url, ...(payload === undefined ? {} : { payload }) })
}

async function register(at: number | string): Promise<string> {
  const answer = await call('POST', '/users', somebody(at))
  expect(answer.statusCode, answer.body).toBe(201)
  return answer.json().id
}

function expectProblem(answer: LightMyRequestResponse, status: number, type: string): void {
  expect({ status: answer.statusCode, type: answer.json().type }, answer.body).toEqual({ status, type })
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
  expect(answer.json()).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) })
}

async function stockOf(productId: number): Promise<number> {
  const [row] = await scratch.ask('home', 'select stock from inventory where product_id = $1', [productId])
  return row?.stock as number
}

test('a user who registers is there at once', async () => {
  const registered = await call('POST', '/users', { ...somebody('Ada'), email: 'Ada.L@Example.org' })
  expect(registered.statusCode).toBe(201)
  const { id } = registered.json()
  expect(registered.headers.location).toBe(`/users/${id}`)
  const shown = await call('GET', `/users/${id}`)
  expect(shown.json()).toMatchObject({ id, email: 'ada.l@example.org', version: 1, addresses: [] })
})

test('users are on all four shards, each with its events', async () => {
  await Promise.all(Array.from({ length: 40 }, (_, at) => register(`spread-${at}`)))
  for (const shard of SHARDS) {
    const [row] = await scratch.ask(
      shard,
      `select count(*)::int as users, count(*) filter (where exists (
         select from outbox where user_id = users.id and kind = 'UserRegistered'))::int as told from users`,
    )
    expect(row?.users).toBeGreaterThan(0)
    expect(row?.told).toBe(row?.users)
  }
  const pages: string[] = []
  for (let after = '0'; after !== null; ) {
    const page = (await call('GET', `/users?limit=15&after=${after}`)).json()
    pages.push(...page.users.map((user: { id: string }) => user.id))
    after = page.next
  }
  expect(pages).toEqual(pages.toSorted((one, other) => (BigInt(one) < BigInt(other) ? -1 : 1)))
  const countries = (await call('GET', '/countries')).json()
  expect(countries).toEqual([{ country: 'PT', users: pages.length }])
})

describe('an address of email', () => {
  test('belongs to one user, however it is written, and a refusal leaves nothing behind', async () => {
    await register('taken')
    const answer = await call('POST', '/users', { ...somebody('other'), email: 'User-TAKEN@example.org' })
    expectProblem(answer, 409, 'email-taken')
    for (const shard of SHARDS)
      expect(await scratch.ask(shard, `select from users where name = 'User other'`)).toEqual([])
  })

  test('goes to one of many who want it at the same moment', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => call('POST', '/users', somebody('wanted'))),
    )
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([201, ...Array(9).fill(409)])
  })

  test('is free again once its user has another', async () => {
    const id = await register('before')
    expect((await call('PATCH', `/users/${id}`, { email: 'after@example.org' })).statusCode).toBe(200)
    expectProblem(
      await call('PATCH', `/users/${await register('before')}`, { email: 'after@example.org' }),
      409,
      'email-taken',
    )
  })
})

test('what happens to a user at the same moment is numbered without a gap', async () => {
  const id = await register('busy')
  const address = { street: 'Rua 1', postalCode: '1000', city: 'Lisbon', country: 'PT' }
  const changes = Array.from({ length: 10 }, (_, at) => [
    call('PATCH', `/users/${id}`, { city: `Town ${at}` }),
    call('POST', `/users/${id}/addresses`, address),
  ]).flat()
  for (const { statusCode } of await Promise.all(changes)) expect([200, 201]).toContain(statusCode)
  const events = (await call('GET', `/users/${id}/events`)).json()
  expect(events.map(({ seq }: { seq: number }) => seq)).toEqual(
    Array.from({ length: 21 }, (_, at) => 21 - at),
  )
  expect((await call('GET', `/users/${id}`)).json()).toMatchObject({ version: 21, addresses: { length: 10 } })
})

describe('an order', () => {
  test('takes its goods out of stock and out of the cart, and is one however often it is sent', async () => {
    const id = await register('buyer')
    const before = await stockOf(1)
    await call('PUT', `/users/${id}/cart/1`, { quantity: 5 })
    const url = `/users/${id}/orders/${randomUUID()}`
    const goods = { lines: [{ productId: 1, quantity: 2 }] }
    const answers = await Promise.all([call('PUT', url, goods), call('PUT', url, goods)])
    const again = await call('PUT', url, goods)
    expect([...answers, again].map(({ statusCode }) => statusCode).sort()).toEqual([200, 200, 201])
    expect(new Set([...answers, again].map((answer) => answer.json().id)).size).toBe(1)
    expect(await stockOf(1)).toBe(before - 2)
    expect((await call('GET', `/users/${id}/cart`)).json()).toEqual({ items: [], mayBeBehind: false })
    expectProblem(await call('PUT', url, { lines: [{ productId: 1, quantity: 3 }] }), 409, 'order-differs')
    expect((await call('GET', `/users/${id}/orders`)).json()).toHaveLength(1)
  })

  test('that is refused leaves neither order nor event, and takes nothing', async () => {
    const id = await register('refused')
    const [before, all] = [await stockOf(2), await stockOf(3)]
    const tooMuch = {
      lines: [
        { productId: 2, quantity: 1 },
        { productId: 3, quantity: 99 },
      ],
    }
    for (let left = all; left >= 99; left -= 99)
      await call('PUT', `/users/${id}/orders/${randomUUID()}`, { lines: [{ productId: 3, quantity: 99 }] })
    const events = (await call('GET', `/users/${id}/events`)).json().length
    expectProblem(await call('PUT', `/users/${id}/orders/${randomUUID()}`, tooMuch), 409, 'out-of-stock')
    const unknown = {
      lines: [
        { productId: 2, quantity: 1 },
        { productId: 99_999, quantity: 1 },
      ],
    }
    expectProblem(await call('PUT', `/users/${id}/orders/${randomUUID()}`, unknown), 422, 'product-unknown')
    expect(await stockOf(2)).toBe(before)
    expect((await call('GET', `/users/${id}/events`)).json()).toHaveLength(events)
  })

  test('sells the last units once, to users of all shards', async () => {
    await scratch.ask('home', 'update inventory set stock = 5 where product_id = 4')
    const buyers = await Promise.all(Array.from({ length: 12 }, (_, at) => register(`last-${at}`)))
    const answers = await Promise.all(
      buyers.map((id) =>
        call('PUT', `/users/${id}/orders/${randomUUID()}`, { lines: [{ productId: 4, quantity: 1 }] }),
      ),
    )
    expect(answers.filter(({ statusCode }) => statusCode === 201)).toHaveLength(5)
    expect(answers.filter(({ statusCode }) => statusCode === 409)).toHaveLength(7)
    expect(await stockOf(4)).toBe(0)
  })
})

describe('a write whose answer was cut off', () => {
  const cutOff = () => new HerdError('OUTCOME_UNKNOWN', 'The connection ended during COMMIT.')
  const count = async (userId: string) => (await call('GET', `/users/${userId}/events`)).json().length

  test.each([
    { what: 'is found if it took effect', tookEffect: true },
    { what: 'is tried again if it did not', tookEffect: false },
  ])('$what', async ({ tookEffect }) => {
    const userId = await register(`cut-off-${tookEffect}`)
    const eventId = String(await scratch.pool.nextId())
    let tries = 0
    const write = async () => {
      const isCutOff = ++tries === 1
      if (!isCutOff || tookEffect)
        await scratch.pool.query(
          `with changed as (update users set version = version + 1 where id = $1 returning version)
           insert into outbox (user_id, seq, id, kind, payload)
           select $1, version, $2, 'ProfileChanged', '{}' from changed`,
          [userId, eventId],
        )
      if (isCutOff) throw cutOff()
      return 'answered'
    }
    const answer = await writeOnce(scratch.pool, { userId, eventId }, write)
    expect({ answer, tries }).toEqual(
      tookEffect ? { answer: null, tries: 1 } : { answer: 'answered', tries: 2 },
    )
    expect(await count(userId)).toBe(2)
  })

  test('is unknown to whoever asked where it cannot be looked for', async () => {
    const ended = openPool(scratch.herd.dsn())
    await ended.end()
    const write = () => Promise.reject(cutOff())
    await expect(writeOnce(ended, { userId: '1', eventId: '1' }, write)).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
    })
  })
})

describe('what is not understood is refused', () => {
  const good = somebody('bad-input')
  test.each([
    { what: 'no email', payload: { ...good, email: undefined } },
    { what: 'an email that is none', payload: { ...good, email: 'nobody' } },
    { what: 'a name of spaces', payload: { ...good, name: '  ' } },
    { what: 'a control character', payload: { ...good, name: 'a\u0000b' } },
    { what: 'a country that is none', payload: { ...good, country: 'Portugal' } },
    { what: 'a number for a name', payload: { ...good, name: 7 } },
    { what: 'a field too many', payload: { ...good, admin: true } },
    { what: 'a name without end', payload: { ...good, name: 'x'.repeat(201) } },
  ])('$what', async ({ payload }) => {
    expectProblem(await call('POST', '/users', payload), 400, 'input-invalid')
  })

  test.each([
    { method: 'GET', url: '/users/abc' },
    { method: 'GET', url: '/users/0' },
    { method: 'GET', url: '/users/9223372036854775808' },
    { method: 'GET', url: '/users?limit=0' },
    { method: 'GET', url: '/users?limit=1000' },
    { method: 'PUT', url: '/users/1/cart/1', payload: { quantity: 100 } },
    { method: 'PUT', url: '/users/1/orders/no-uuid', payload: { lines: [{ productId: 1, quantity: 1 }] } },
    { method: 'PATCH', url: '/users/1', payload: {} },
    { method: 'POST', url: '/events', payload: { kind: 'UserRegistered' } },
  ] as { method: Method; url: string; payload?: object }[])(
    '$method $url',
    async ({ method, url, payload }) => {
      expectProblem(await call(method, url, payload), 400, 'input-invalid')
    },
  )

  test('a product that stands in an order twice', async () => {
    const lines = [
      { productId: 1, quantity: 1 },
      { productId: 1, quantity: 2 },
    ]
    expectProblem(await call('PUT', `/users/1/orders/${randomUUID()}`, { lines }), 400, 'input-invalid')
  })

  test('a body that is no JSON, none of its kind, or too large', async () => {
    const send = (type: string, payload: string) =>
      service.inject({ method: 'POST', url: '/users', headers: { 'content-type': type }, payload })
    expectProblem(await send('application/json', '{'), 400, 'input-invalid')
    expectProblem(await send('text/csv', 'a,b'), 415, 'input-invalid')
    expectProblem(await send('application/json', `"${'x'.repeat(70_000)}"`), 413, 'input-invalid')
  })

  test('an address at which there is nothing', async () => {
    expectProblem(await call('GET', '/nowhere'), 404, 'route-unknown')
  })
})

test.each([
  { method: 'GET', path: '' },
  { method: 'GET', path: '/cart' },
  { method: 'GET', path: '/orders' },
  { method: 'GET', path: '/events' },
  { method: 'PATCH', path: '', payload: { name: 'New' } },
  {
    method: 'POST',
    path: '/addresses',
    payload: { street: 'Rua 1', postalCode: '1', city: 'Lisbon', country: 'PT' },
  },
  { method: 'PUT', path: '/cart/1', payload: { quantity: 1 } },
  { method: 'PUT', path: `/orders/${randomUUID()}`, payload: { lines: [{ productId: 1, quantity: 1 }] } },
] as { method: Method; path: string; payload?: object }[])(
  'a user who is not there: $method $path',
  async ({ method, path, payload }) => {
    const before = await stockOf(1)
    expectProblem(await call(method, `/users/4711${path}`, payload), 404, 'user-unknown')
    expect(await stockOf(1)).toBe(before)
  },
)

test('every route is described, with its problems, and the page needs nobody else', async () => {
  const description = (await call('GET', '/openapi.json')).json()
  expect(Object.keys(description.paths).sort()).toEqual([
    '/countries',
    '/events',
    '/users',
    '/users/{id}',
    '/users/{id}/addresses',
    '/users/{id}/cart',
    '/users/{id}/cart/{product}',
    '/users/{id}/events',
    '/users/{id}/notifications',
    '/users/{id}/orders',
    '/users/{id}/orders/{key}',
  ])
  const problem = description.paths['/users'].post.responses['409'].content
  expect(Object.keys(problem)).toEqual(['application/problem+json'])
  const page = await call('GET', '/docs/')
  expect(page.statusCode).toBe(200)
  expect(page.body).not.toMatch(/(src|href)="(https?:)?\/\//)
})

test('a shard that does not answer is missed by its own users only', async () => {
  const ids = await Promise.all(SHARDS.map((shard) => scratch.registerOn(shard)))
  const there = ids.filter((id) => scratch.shardOf(id) !== 's2')
  const gone = ids.filter((id) => scratch.shardOf(id) === 's2')
  await scratch.herd.disturb('s2-1', 'pause')
  try {
    const missed = await Promise.all(
      gone.flatMap((id) => [
        call('GET', `/users/${id}`),
        call('PATCH', `/users/${id}`, { name: 'Later' }),
        call('PUT', `/users/${id}/orders/${randomUUID()}`, { lines: [{ productId: 9, quantity: 1 }] }),
      ]),
    )
    for (const answer of missed) {
      // A write that was on its way already may have been done or not.
      const { type } = answer.json()
      expect(['not-reachable', 'outcome-unknown']).toContain(type)
      expectProblem(answer, 503, type)
      expect(answer.headers['retry-after']).toBe(type === 'not-reachable' ? '1' : undefined)
    }
    for (const id of there) {
      expect((await call('GET', `/users/${id}`)).statusCode).toBe(200)
      expect((await call('PATCH', `/users/${id}`, { name: 'Now' })).statusCode).toBe(200)
    }
    const order = { lines: [{ productId: 9, quantity: 1 }] }
    expect((await call('PUT', `/users/${there[0]}/orders/${randomUUID()}`, order)).statusCode).toBe(201)
    expectProblem(await call('GET', '/users'), 503, 'not-reachable')
  } finally {
    await scratch.herd.disturb('s2-1', 'resume')
  }
  await expect
    .poll(async () => (await call('GET', `/users/${gone[0]}`)).statusCode, { timeout: 20_000 })
    .toBe(200)
})
