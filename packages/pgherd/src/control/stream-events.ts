import type { ServerResponse } from 'node:http'
import type { Herd } from '@pgherd/cluster'

/** So that neither side takes a connection on which nothing happens for a dead one. */
const KEEP_ALIVE_MS = 15_000

/** Sends what happens from now on as server-sent events (WHATWG HTML, "Server-sent events"), until the client leaves. */
export function streamEvents(herd: Herd, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.flushHeaders()
  const stop = herd.events.listen((event) => {
    response.write(`event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`)
  })
  const beat = setInterval(() => response.write(': still here\n\n'), KEEP_ALIVE_MS)
  beat.unref()
  response.once('close', () => {
    stop()
    clearInterval(beat)
  })
}
