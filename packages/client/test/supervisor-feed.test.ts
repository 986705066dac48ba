import { afterEach, expect, test } from 'vitest'
import { SupervisorFeed } from '../src/supervisor-feed.js'
import { until } from './scratch-herd.js'
import { type ScratchSupervisor, scratchSupervisor } from './scratch-supervisor.js'

const closing: (() => void)[] = []

async function supervisor(port = 0): Promise<ScratchSupervisor> {
  const started = await scratchSupervisor(port)
  closing.push(started.stop)
  return started
}

afterEach(() => {
  for (const close of closing.splice(0)) close()
})

function feedFrom(address: string): { feed: SupervisorFeed; heard: { events: number; nodes: unknown[] } } {
  const heard = { events: 0, nodes: [] as unknown[] }
  const feed = new SupervisorFeed(address, {
    event: () => heard.events++,
    nodes: (groups) => heard.nodes.push(groups),
  })
  closing.push(() => feed.close())
  feed.start()
  return { feed, heard }
}

test('an event of the supervisor is heard at once, its signs of life are none', async () => {
  const { url, listeners, asked } = await supervisor()
  const { heard } = feedFrom(url)
  await until('it listens', () => listeners.length === 1)
  expect(asked).toEqual(['/v1/events?only=event,nodes text/event-stream'])
  listeners[0]?.write(': still here\n\n')
  listeners[0]?.write('event: promoted\ndata: {}\n\n')
  await until('it has heard', () => heard.events > 0)
  expect(heard).toEqual({ events: 1, nodes: [] })
})

test('which nodes there are is heard, however the message is cut; what is no such message counts for nothing', async () => {
  const { url, listeners } = await supervisor()
  const { heard } = feedFrom(url)
  await until('it listens', () => listeners.length === 1)
  const groups = [{ name: 'main', nodes: ['db1:5432', 'db2:5432'] }]
  const wrong = [null, { name: 'main' }, { name: 'main', nodes: ['db1:70000'] }, { name: 1, nodes: [] }]
  const said =
    `event: nodes\ndata: ${JSON.stringify({ groups: [...wrong, ...groups] })}\n\n` +
    'event: nodes\ndata: {\n\nevent: nodes\ndata: null\n\nevent: event\ndata: {}\n\n'
  for (const part of said.match(/.{1,7}/gs) ?? []) {
    listeners[0]?.write(part)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until('it has heard all', () => heard.events === 1)
  expect(heard.nodes).toEqual([groups, [], []])
})

test('a supervisor that comes back is listened to again', async () => {
  const first = await supervisor()
  const { heard } = feedFrom(first.url)
  await until('it listens', () => first.listeners.length === 1)
  first.stop()
  const second = await supervisor(first.port)
  await until('it listens again', () => second.listeners.length === 1)
  second.listeners[0]?.write('event: promoted\ndata: {}\n\n')
  await until('it has heard', () => heard.events === 1)
})

test('no supervisor at all is no error', async () => {
  const { feed } = feedFrom('/nonexistent/control.sock')
  await new Promise((resolve) => setTimeout(resolve, 50))
  feed.close()
})
