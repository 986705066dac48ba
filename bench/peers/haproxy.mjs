import { join } from 'node:path'
import { findProgram } from './debian-program.mjs'
import { startMiddleman } from './middleman.mjs'

/** HAProxy before one server: it hands bytes on, a connection to the server for each of its clients. */
export async function startHaproxy({ dir, primary }, { clients = 200 } = {}) {
  const { host } = new URL(primary)
  return startMiddleman({
    name: 'HAProxy',
    program: findProgram('haproxy', 'haproxy'),
    parent: dir,
    target: primary,
    configure: ({ port }) => ({
      'haproxy.cfg': [
        'global',
        `  maxconn ${clients + 10}`,
        'defaults',
        '  mode tcp',
        '  timeout connect 5s',
        '  timeout client 1h',
        '  timeout server 1h',
        'listen postgres',
        `  bind 127.0.0.1:${port}`,
        `  server primary ${host}`,
        '',
      ].join('\n'),
    }),
    command: ({ dir: at }) => ['-db', '-f', join(at, 'haproxy.cfg')],
  })
}
