import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { findProgram } from './debian-program.mjs'
import { startMiddleman } from './middleman.mjs'

/** The first that carries the prepared statements of its clients over to other connections. */
const PREPARES_SINCE = 121

/**
 * PgBouncer before one server, with as many connections to it as the pools have; in transaction mode unless
 * clients `prepare` and it is too old for that: then in session mode, where each has a connection to itself.
 */
export async function startPgBouncer({ dir, primary }, { clients = 200, prepare = false } = {}) {
  const program = findProgram('pgbouncer', 'pgbouncer')
  const canPrepare = versionOf(program) >= PREPARES_SINCE
  const mode = prepare && !canPrepare ? 'session' : 'transaction'
  const { hostname, port: serverPort, username, password, pathname } = new URL(primary)
  const middleman = await startMiddleman({
    name: 'PgBouncer',
    program,
    parent: dir,
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
        `pool_mode = ${mode}`,
        ...(canPrepare ? ['max_prepared_statements = 200'] : []),
        'default_pool_size = 16',
        `max_client_conn = ${clients}`,
        'log_connections = 0',
        'log_disconnections = 0',
        '',
      ].join('\n'),
      users: `"${username}" "${password}"\n`,
    }),
    command: ({ dir: at }) => [join(at, 'pgbouncer.ini')],
  })
  return mode === 'session'
    ? { ...middleman, note: 'in session mode, since it is too old to prepare' }
    : middleman
}

/** 118 for 1.18.0. */
function versionOf(program) {
  const said = execFileSync(program, ['--version'], { encoding: 'utf8' })
  const [, major, minor] = /PgBouncer (\d+)\.(\d+)/.exec(said) ?? [null, 0, 0]
  return Number(major) * 100 + Number(minor)
}
