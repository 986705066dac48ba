import { join } from 'node:path'
import { findProgram } from './debian-program.mjs'
import { startMiddleman } from './middleman.mjs'

/** PgBouncer in transaction mode before one server, with as many connections to it as the pools have. */
export async function startPgBouncer({ dir, primary }) {
  const { hostname, port: serverPort, username, password, pathname } = new URL(primary)
  return startMiddleman({
    name: 'PgBouncer',
    program: findProgram('pgbouncer', 'pgbouncer'),
    dir: join(dir, 'pgbouncer'),
    target: primary,
    configure: ({ dir: at, port }) => ({
      'pgbouncer.ini': [
        '[databases]',
        `${pathname.slice(1)} = host=${hostname} port=${serverPort}`,
        '[pgbouncer]',
        'listen_addr = 127.0.0.1',
        `listen_port = ${port}`,
        'unix_socket_dir =',
        'auth_type = scram-sha-256',
        `auth_file = ${join(at, 'users')}`,
        'pool_mode = transaction',
        'default_pool_size = 16',
        'max_client_conn = 200',
        'log_connections = 0',
        'log_disconnections = 0',
        '',
      ].join('\n'),
      users: `"${username}" "${password}"\n`,
    }),
    command: ({ dir: at }) => [join(at, 'pgbouncer.ini')],
  })
}
