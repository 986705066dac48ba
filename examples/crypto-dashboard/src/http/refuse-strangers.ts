import type { FastifyRequest } from 'fastify'
import { Problem } from './problem.js'

const HERE = new Set(['127.0.0.1', 'localhost', '[::1]'])

/**
 * The dashboard is for this machine. A page of another origin may not use a browser here to trade, and a name that
 * somebody else points at this address (DNS rebinding) is not served.
 */
export async function refuseStrangers({ headers }: FastifyRequest): Promise<void> {
  const host = hostOf(`http://${headers.host ?? ''}`)
  if (host === null || !HERE.has(host.hostname))
    throw new Problem('host-refused', `Only 127.0.0.1 and localhost are served, not "${headers.host ?? ''}".`)
  if (headers.origin !== undefined && hostOf(headers.origin)?.host !== host.host)
    throw new Problem('host-refused', `Pages of ${headers.origin} are not answered.`)
}

function hostOf(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null
}
