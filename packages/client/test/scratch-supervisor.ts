import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Stands in for a supervisor, as far as clients hear of it. */
export interface ScratchSupervisor {
  readonly url: string
  readonly port: number
  /** Those who listen now. */
  readonly listeners: ServerResponse[]
  readonly asked: string[]
  /** Tells everybody which nodes there are. */
  tellNodes(groups: readonly { name: string; nodes: readonly string[] }[]): void
  readonly stop: () => void
}

export async function scratchSupervisor(port = 0): Promise<ScratchSupervisor> {
  const listeners: ServerResponse[] = []
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.accept}`)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    listeners.push(response)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const bound = (server.address() as AddressInfo).port
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    listeners,
    asked,
    tellNodes: (groups) => {
      for (const listener of listeners)
        listener.write(`event: nodes\ndata: ${JSON.stringify({ groups })}\n\n`)
    },
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
