import type { FastifyPluginAsync } from 'fastify'
import type { LiveFeed } from '../replication/live-feed.js'
import { Problem } from './problem.js'

const MOST_WATCHERS = 500
/** Who does not read for so long is let go; a browser comes back by itself. */
const MOST_WAITING_BYTES = 256 * 1024

/** Prices and replication as server-sent events, one frame a second. */
export function streamRoutes(feed: LiveFeed): FastifyPluginAsync {
  return async (service) => {
    service.get(
      '/api/stream',
      {
        schema: {
          summary: 'Prices and replication, each second',
          description:
            'Server-sent events named `frame`. Each holds everything, so one that was missed is no loss.',
          tags: ['market', 'replication'],
          produces: ['text/event-stream'],
        },
      },
      (request, reply) => {
        if (feed.watchers >= MOST_WATCHERS)
          throw new Problem('too-many', `${MOST_WATCHERS} are watching already.`)
        reply.hijack()
        const { raw } = reply
        raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
        raw.write('retry: 1000\n\n')
        const stop = feed.watch((frame) => {
          if (raw.writableLength > MOST_WAITING_BYTES) raw.destroy()
          else raw.write(`event: frame\ndata: ${JSON.stringify(frame)}\n\n`)
        })
        request.raw.on('close', stop)
      },
    )
  }
}
