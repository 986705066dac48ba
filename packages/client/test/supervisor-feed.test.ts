import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { SupervisorFeed } from '../src/supervisor-feed.js'
import { until } from './scratch-herd.js'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

interface Supervisor {
  url: string
  port: number
  /** Those who listen now. */
  listeners: ServerResponse[]
  asked: string[]
  stop(): void
}

async function supervisor(port = 0): Promise<Supervisor> {
  const listeners: ServerResponse[] = []
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.accept}`)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    listeners.push(response)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const stop = (): void => {
    server.closeAllConnections()
    server.close()
  }
  closing.push(stop)
  const bound = (server.address() as AddressInfo).port
  return { url: `http://127.0.0.1:${bound}`, port: bound, listeners, asked, stop }
}

test('an event of the supervisor is heard at once, its signs of life are none', async () => {
  const { url, listeners, asked } = await supervisor()
  let heard = 0
  const feed = new SupervisorFeed(url, () => heard++)
  closing.push(() => feed.close())
  feed.start()
  await until('it listens', () => listeners.length === 1)
  expect(asked).toEqual(['/v1/events?only=event text/event-stream'])
  listeners[0]?.write(': still here\n\n')
  listeners[0]?.write('event: promoted\ndata: {}\n\n')
  await until('it has heard', () => heard > 0)
  expect(heard).toBe(1)
})

test('a supervisor that comes back is listened to again', async () => {
  const first = await supervisor()
  let heard = 0
  const feed = new SupervisorFeed(first.url, () => heard++)
  closing.push(() => feed.close())
  feed.start()
  await until('it listens', () => first.listeners.length === 1)
  first.stop()
  const second = await supervisor(first.port)
  await until('it listens again', () => second.listeners.length === 1)
  second.listeners[0]?.write('event: promoted\ndata: {}\n\n')
  await until('it has heard', () => heard === 1)
})

test('no supervisor at all is no error', async () => {
  const feed = new SupervisorFeed('/nonexistent/control.sock', () => {})
  feed.start()
  await new Promise((resolve) => setTimeout(resolve, 50))
  feed.close()
})
