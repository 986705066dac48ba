import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { Herd } from '@pgherd/cluster'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { nodesOfHerd, scratchHerd, scratchPool, unhurried } from './scratch-herd.js'

const exporter = new InMemorySpanExporter()
let herd: Herd
let nodes: string[]

beforeAll(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  )
  herd = await scratchHerd()
  nodes = await nodesOfHerd(herd)
  const pool = scratchPool({ nodes })
  await pool.query('create table goods (id int primary key, name text)')
  await pool.query(`insert into goods values (1, 'one')`)
  await pool.sessionToken()
}, 120_000)

beforeEach(() => exporter.reset())

afterAll(() => {
  trace.disable()
  context.disable()
})

test('a statement is a span of its caller, with its shape, node, role and connection', async () => {
  const pool = scratchPool(unhurried({ nodes }))
  const tracer = trace.getTracer('test')
  await tracer.startActiveSpan('request', async (request) => {
    await pool.query({ text: `select name from goods where name <> 'secret'`, consistency: 'eventual' })
    await pool.query('update goods set name = $1 where id = 1', ['uno'])
    request.end()
  })
  const spans = exporter.getFinishedSpans()
  const request = spans.find(({ name }) => name === 'request')
  const [read, write] = spans.filter(({ name }) => name !== 'request')
  expect(read?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId)
  expect(write?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId)
  expect(read?.name).toBe('SELECT')
  expect(read?.attributes).toMatchObject({
    'db.system.name': 'postgresql',
    'db.operation.name': 'SELECT',
    'pgherd.role': 'standby',
    'pgherd.connection': 'lane',
    'pgherd.repeats': 0,
  })
  expect(read?.attributes['db.query.text']).not.toContain('secret')
  expect(write?.attributes).toMatchObject({ 'pgherd.role': 'primary', 'pgherd.connection': 'own' })
  const primary = Object.values(pool.topology.nodes).find(({ role }) => role === 'primary')
  expect(`${write?.attributes['server.address']}:${write?.attributes['server.port']}`).toBe(primary?.name)
})

test('a span of a failed statement says how it failed', async () => {
  const pool = scratchPool({ nodes })
  await expect(pool.query('select 1 / $1::int', [0])).rejects.toThrow('division by zero')
  const [span] = exporter.getFinishedSpans()
  expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'division by zero' })
  expect(span?.attributes['db.response.status_code']).toBe('22012')
})

test('statistics count and time statements, and show what is remembered', async () => {
  const pool = scratchPool(unhurried({ nodes }))
  for (let at = 0; at < 20; at++) await pool.query(`select * from goods where id = ${at}`)
  await pool.query('select 1 / $1::int', [0]).catch(() => {})
  await pool.query('delete from goods where id = $1', [99])
  const { statements, latency, errors, nodes: counts, cache, waiting } = pool.statistics
  expect(statements).toEqual({ primary: { lane: 0, own: 1 }, standby: { lane: 21, own: 0 } })
  expect([latency.primary.count, latency.standby.count, errors, waiting]).toEqual([1, 21, 1, 0])
  const { count, counts: buckets, sumMs, boundsMs } = latency.standby
  expect(buckets.reduce((sum, each) => sum + each, 0)).toBe(count)
  expect(buckets).toHaveLength(boundsMs.length + 1)
  expect(sumMs).toBeGreaterThan(0)
  expect(Object.keys(counts)).toHaveLength(3)
  expect(cache.texts).toBe(22)
  expect(cache.shapes).toBe(3)
  expect(cache.bytes).toBeGreaterThan(0)
})
