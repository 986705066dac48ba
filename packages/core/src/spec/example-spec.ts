import { stringify } from 'yaml'
import { HerdError } from '../errors.js'
import { defaultDatabase, NAME_PATTERN, NAME_RULE, RESERVED_DATABASES } from './names.js'
import { showValue } from './spec-path.js'

/**
 * A spec with comments, for `pgherd init`; `parseSpec` reads it back to the defaults.
 * Throws `USAGE` if a herd cannot have this name.
 */
export function exampleSpec(name: string): string {
  if (!NAME_PATTERN.test(name)) {
    throw new HerdError('USAGE', `a herd cannot be called ${showValue(name)}: it needs ${NAME_RULE}`)
  }
  const wanted = defaultDatabase(name)
  const database = RESERVED_DATABASES.includes(wanted) ? 'app' : wanted
  return `# What this herd should be. Every field but "name" may be left out.

name: ${stringify(name).trimEnd()}
database: ${stringify(database).trimEnd()}   # the database applications connect to

host: 127.0.0.1   # the address servers listen on
port: 5440        # the first port; the nodes get 5440, 5441, 5442 ... or write "auto"

postgres:
  version: 18     # 15, 16, 17 or 18
  # bin: /usr/lib/postgresql/18/bin   # your own PostgreSQL instead of the one from npm
  settings: {}    # lines for postgresql.conf, for example { work_mem: 8MB }

groups:
  - name: main
    nodes: 3                # one primary and two standbys
    durability: zero-loss   # a commit waits for standbys; or "fast": it does not, and a failure may lose the last writes
    withoutStandby: wait    # commits wait while no standby is left; or "continue": the primary alone acknowledges them

probes:
  intervalMs: 500     # how often the supervisor looks at each node
  hangAfterMs: 1500   # a node that is silent for this long counts as hung

proxy:   # one address for any client, with the whole herd behind it; or "proxy: false"
  host: 127.0.0.1
  port: 6432
  workers: auto                 # processes that serve clients, or a number; auto: one for every 4 cores
  maxClients: 10000             # clients at once
  maxClientsPerUser: null       # of each user, and
  maxClientsPerDatabase: null   # of each database; null: as many as in all
  maxServers: 20                # connections to each node for transactions and writes, by user and database
  lanes: 2                      # connections to each node that reads share, by user and database
  adminUsers: []                # roles that may use the admin database "pgherd", besides the superuser
  tls: null                     # or { cert: /path/cert.pem, key: /path/key.pem }
  metricsPort: null             # a port for Prometheus and health checks

api:     # the control API with its page; or "api: false"
  host: 127.0.0.1
  # port: 7440                  # left out: 7440, or a free one where that is taken
  tls: null                     # or { cert: /path/cert.pem, key: /path/key.pem }
  tokens: elsewhere             # or always: on loopback addresses too
`
}
