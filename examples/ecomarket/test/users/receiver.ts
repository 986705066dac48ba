import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DomainEvent } from '../../src/users/domain-event.js'

/** Who takes events, and remembers every arrival, also of one that was there before. */
export interface Receiver {
  url: string
  arrivals: DomainEvent[]
  /** Events for which this says so are refused. */
  refuse: (event: DomainEvent) => boolean
  close(): Promise<void>
}

export async function openReceiver(delayMs = 0): Promise<Receiver> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const event = JSON.parse(Buffer.concat(chunks).toString('utf8')) as DomainEvent
    if (delayMs > 0) await sleep(delayMs)
    if (!receiver.refuse(event)) receiver.arrivals.push(event)
    response.writeHead(receiver.refuse(event) ? 500 : 204).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}/`,
    arrivals: [],
    refuse: () => false,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return receiver
}

/** The numbers of each user's events in the order in which each came for the first time. */
export function firstArrivals(arrivals: readonly DomainEvent[]): Map<string, number[]> {
  const seen = new Set<string>()
  const seqs = new Map<string, number[]>()
  for (const { id, userId, seq } of arrivals) {
    if (seen.has(id)) continue
    seen.add(id)
    seqs.set(userId, [...(seqs.get(userId) ?? []), seq])
  }
  return seqs
}
