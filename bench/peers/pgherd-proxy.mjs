import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startMiddleman } from './middleman.mjs'

const PROGRAM = fileURLToPath(new URL('pgherd-proxy-process.mjs', import.meta.url))

/**
 * Our proxy, in a process of its own, before all nodes or, with `routes: false`, before the primary alone. It
 * is given the superuser's login, which it may look up verifiers with; clients log in as themselves.
 */
export async function startPgherdProxy(
  { dir, primary, superuserNodes },
  { clients = 200, routes = true } = {},
) {
  return startMiddleman({
    name: `pgherd proxy ${routes ? 'routing' : 'alone'}`,
    program: process.execPath,
    isOurs: true,
    parent: dir,
    target: primary,
    configure: ({ port }) => ({
      'options.json': JSON.stringify({
        nodes: routes ? superuserNodes : superuserNodes.slice(0, 1),
        port,
        maxClients: clients,
        // As PgBouncer's: its pool, and how long it keeps a connection that nobody uses.
        maxServers: 16,
        idleTimeoutMs: 600_000,
      }),
    }),
    command: ({ dir: at }) => [PROGRAM, join(at, 'options.json')],
  })
}
