import { join } from 'node:path'
import { findProgram } from './debian-program.mjs'
import { startMiddleman } from './middleman.mjs'

/**
 * Pgpool-II before one server or a group of them, in the mode it has for streaming replication, reads spread
 * by it (its default). A process of it serves one client's connection: by default twice as many as the pools
 * have.
 */
export async function startPgpool({ dir, nodes }, { clients = 32 } = {}) {
  const [{ username, password, pathname }] = nodes.map((node) => new URL(node))
  return startMiddleman({
    name: 'Pgpool-II',
    program: findProgram('pgpool', 'pgpool2'),
    parent: dir,
    target: nodes[0],
    configure: ({ dir: at, port, adminPort }) => ({
      'pgpool.conf': [
        `listen_addresses = '127.0.0.1'`,
        `port = ${port}`,
        `socket_dir = '${at}'`,
        `pcp_socket_dir = '${at}'`,
        `pcp_port = ${adminPort}`,
        `pid_file_name = '${join(at, 'pgpool.pid')}'`,
        `work_dir = '${at}'`,
        `logdir = '${at}'`,
        `backend_clustering_mode = 'streaming_replication'`,
        'load_balance_mode = on',
        `num_init_children = ${clients}`,
        'max_pool = 1',
        'enable_pool_hba = on',
        `pool_passwd = '${join(at, 'pool_passwd')}'`,
        `sr_check_user = '${username}'`,
        `sr_check_password = '${password}'`,
        `sr_check_database = '${pathname.slice(1)}'`,
        'health_check_period = 0',
        'use_watchdog = off',
        `failover_command = ''`,
        ...nodes.flatMap((node, index) => {
          const { hostname, port: serverPort } = new URL(node)
          return [
            `backend_hostname${index} = '${hostname}'`,
            `backend_port${index} = ${serverPort}`,
            `backend_weight${index} = 1`,
            `backend_flag${index} = 'DISALLOW_TO_FAILOVER'`,
          ]
        }),
        '',
      ].join('\n'),
      'pool_hba.conf': 'host all all 127.0.0.1/32 scram-sha-256\n',
      pool_passwd: `${username}:TEXT${password}\n`,
      'pcp.conf': '',
    }),
    command: ({ dir: at }) => [
      '-n',
      '-f',
      join(at, 'pgpool.conf'),
      '-a',
      join(at, 'pool_hba.conf'),
      '-F',
      join(at, 'pcp.conf'),
    ],
  })
}
