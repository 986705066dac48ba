import { z } from 'zod'
import { DATABASE_PATTERN, DATABASE_RULE, NAME_PATTERN, NAME_RULE, RESERVED_DATABASES } from './names.js'
import { REFUSED_SETTINGS } from './setting-rules.js'
import { shardingSchema } from './sharding-schema.js'
import { wholeNumber } from './whole-number.js'

// Every message below completes the sentence "<field> must be ..., not <value>".
// Branches of a union say it too: zod reports a branch's own message where only that branch fits the type.

const settingName = z
  .string()
  .regex(/^[a-z_][a-z0-9_.]*$/)
  .meta({ not: { enum: Object.keys(REFUSED_SETTINGS) } })

const SETTING_RULE = 'text on one line, a number, true or false'
const settingValue = z.union(
  [
    // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL cannot stand in a configuration file
    z.string().regex(/^[^\r\n\u0000]*$/, SETTING_RULE),
    z.number().refine((number) => !Number.isInteger(number) || Number.isSafeInteger(number), SETTING_RULE),
    z.boolean(),
  ],
  SETTING_RULE,
)

const PORT_RULE = 'a whole number from 1024 to 65535, or auto'
const HOST_RULE = 'an IP address or a host name'
const HOST_PATTERN = /^[A-Za-z0-9:]([A-Za-z0-9.:%_-]{0,251}[A-Za-z0-9:])?$/
const LIMIT_RULE = 'a whole number from 1 to 100000, or null'
const WORKERS_RULE = 'a whole number from 1 to 64, or auto'
const METRICS_RULE = 'a whole number from 1024 to 65535, or null'
const BIN_RULE = 'the absolute path of a directory, or null'

const groupSchema = z
  .strictObject(
    {
      name: z
        .string(NAME_RULE)
        .regex(NAME_PATTERN, NAME_RULE)
        .default('main')
        .describe('Name of the group, unique in the herd. Its nodes are called `main-1`, `main-2`, ...'),
      count: wholeNumber(1, 64)
        .optional()
        .describe(
          'How many groups like this there are. With `name: s` and `count: 4` they are called `s1` to `s4`. Left out, it is one, called as it is named.',
        ),
      nodes: wholeNumber(1, 16)
        .default(3)
        .describe(
          'How many servers hold the data: one primary, the rest standbys. With 1 there is no standby to take over.',
        ),
      durability: z
        .enum(['zero-loss', 'fast'], 'zero-loss or fast')
        .default('zero-loss')
        .describe(
          '`zero-loss`: a commit is acknowledged once enough standbys have it on disk. `fast`: as soon as the primary has.',
        ),
      withoutStandby: z
        .enum(['wait', 'continue'], 'wait or continue')
        .default('wait')
        .describe(
          'Under `zero-loss`, what a commit does while no standby is left. `wait`: until one is back, so nothing can be lost. `continue`: the primary alone acknowledges it; losing the primary then loses those writes.',
        ),
    },
    'a mapping',
  )
  .describe('Nodes that hold the same data: one primary and its standbys.')

const postgresSchema = z
  .strictObject(
    {
      version: z
        .literal([15, 16, 17, 18], '15, 16, 17 or 18')
        .default(18)
        .describe('Major version of PostgreSQL.'),
      bin: z
        .string(BIN_RULE)
        .regex(/^(\/|[A-Za-z]:[\\/])[^\r\n]*$/, BIN_RULE)
        .nullable()
        .default(null)
        .describe(
          'Absolute path of the directory with your own PostgreSQL programs (`postgres`, `initdb`, `pg_ctl`). `null`: programs from npm.',
        ),
      settings: z
        .record(settingName, settingValue, 'a mapping of settings to values')
        .default({})
        .describe(
          'Lines for `postgresql.conf` of every node, for example `work_mem: 8MB`. Settings that pgherd needs for itself are refused.',
        ),
    },
    'a mapping',
  )
  .describe('Which PostgreSQL, and how it is set.')

const probesSchema = z
  .strictObject(
    {
      intervalMs: wholeNumber(50, 60_000)
        .default(500)
        .describe('Milliseconds between two looks at each node.'),
      hangAfterMs: wholeNumber(100, 600_000)
        .default(1500)
        .describe(
          'Milliseconds without an answer after which a node counts as hung. At least twice `intervalMs`.',
        ),
    },
    'a mapping',
  )
  .describe('How the supervisor watches the nodes.')

const ROLE_RULE = 'the name of a role'

const FILE_RULE = 'the absolute path of a file'
const filePath = z.string(FILE_RULE).regex(/^(\/|[A-Za-z]:[\\/])[^\r\n]*$/, FILE_RULE)

const tlsSchema = z.strictObject(
  {
    cert: filePath.describe('File of the certificate, in PEM, with those that lead to one clients trust.'),
    key: filePath.describe('File of its private key, in PEM.'),
    ca: filePath
      .nullable()
      .default(null)
      .describe(
        'File of who signs the certificates of clients, in PEM: each must show one then. `null`: nobody is asked for one.',
      ),
    required: z
      .boolean('true or false')
      .optional()
      .describe('Whether clients without TLS are refused. Left out: where there is a `ca`.'),
  },
  'a mapping, or null',
)

/** Of the proxy, in a spec and in a file for `pgherd proxy`. */
const proxyFields = {
  host: z
    .string(HOST_RULE)
    .regex(HOST_PATTERN, HOST_RULE)
    .default('127.0.0.1')
    .describe('The address the proxy listens on.'),
  port: z
    .union([wholeNumber(1024, 65_535, PORT_RULE), z.literal('auto')], PORT_RULE)
    .optional()
    .describe(
      'The port of the proxy. Left out, it is 6432, or a free one where `port` of the herd is `auto` or its nodes need 6432 themselves.',
    ),
  workers: z
    .union([wholeNumber(1, 64, WORKERS_RULE), z.literal('auto')], WORKERS_RULE)
    .default('auto')
    .describe(
      'Processes that serve clients, each on a core of its own. `auto`: 1 for every 4 cores, at least 1 and at most 8. `maxServers` and `lanes` are shared out among them, at least 1 for each.',
    ),
  maxClients: wholeNumber(1, 100_000).default(10_000).describe('Clients at once.'),
  maxClientsPerUser: wholeNumber(1, 100_000, LIMIT_RULE)
    .nullable()
    .default(null)
    .describe('Clients at once of each user. `null`: as many as there may be in all.'),
  maxClientsPerDatabase: wholeNumber(1, 100_000, LIMIT_RULE)
    .nullable()
    .default(null)
    .describe('Clients at once of each database. `null`: as many as there may be in all.'),
  maxServers: wholeNumber(1, 1000)
    .default(20)
    .describe(
      'Connections to each node that the clients of one user and database have for what cannot share a lane: transactions, writes, sessions of their own.',
    ),
  lanes: wholeNumber(1, 64)
    .default(2)
    .describe(
      'Connections to each node on which reads of all clients of one user and database are pipelined.',
    ),
  adminUsers: z
    .array(z.string(ROLE_RULE).min(1, ROLE_RULE).max(63, ROLE_RULE), 'a list of roles')
    .default([])
    .describe('Roles that may use the admin database `pgherd`, besides the superuser of the herd.'),
  tls: tlsSchema
    .nullable()
    .default(null)
    .describe('TLS towards clients. The files are read again at a reload. `null`: none.'),
  metricsPort: wholeNumber(1024, 65_535, METRICS_RULE)
    .nullable()
    .default(null)
    .describe(
      'Port on 127.0.0.1 for `/metrics` (Prometheus), `/healthz` and `/readyz` of the proxy. `null`: none.',
    ),
}

/** What a file for `pgherd proxy` may say. */
export const proxyFileSchema = z.strictObject(
  {
    nodes: z
      .array(z.string('a connection string'), 'a list of connection strings')
      .min(1, 'a list of at least one connection string')
      .optional()
      .describe('Connection strings of the nodes.'),
    ...proxyFields,
  },
  'a mapping',
)

const proxySchema = z
  .union([z.strictObject(proxyFields, 'a mapping, or false'), z.literal(false)], 'a mapping, or false')
  .describe(
    'The proxy: one address for any PostgreSQL client, with the whole herd behind it. `false`: none is started.',
  )

const apiSchema = z
  .union(
    [
      z.strictObject(
        {
          host: z
            .string(HOST_RULE)
            .regex(HOST_PATTERN, HOST_RULE)
            .default('127.0.0.1')
            .describe(
              'The address the control API and its page listen on. On any but a loopback address every request needs a token (`pgherd token`).',
            ),
          port: z
            .union([wholeNumber(1024, 65_535, PORT_RULE), z.literal('auto')], PORT_RULE)
            .optional()
            .describe(
              'The port of the control API. Left out, it is 7440 or, where that is taken, a free one, which the herd then keeps.',
            ),
          tls: z
            .strictObject(
              {
                cert: filePath.describe(
                  'File of the certificate, in PEM, with those that lead to one clients trust.',
                ),
                key: filePath.describe('File of its private key, in PEM.'),
              },
              'a mapping, or null',
            )
            .nullable()
            .default(null)
            .describe('HTTPS instead of HTTP. `null`: none.'),
          tokens: z
            .enum(['elsewhere', 'always'], 'elsewhere or always')
            .default('elsewhere')
            .describe(
              'Who needs a token: `elsewhere`: everybody, unless `host` is a loopback address. `always`: everybody.',
            ),
        },
        'a mapping, or false',
      ),
      z.literal(false),
    ],
    'a mapping, or false',
  )
  .describe(
    'The control API over HTTP, with the page that shows the herd. `false`: none is served; commands on this machine work without it.',
  )

/** The one source of what a spec may say: types, messages, JSON Schema and docs/spec.md come from it. */
export const specSchema = z
  .strictObject(
    {
      name: z.string(NAME_RULE).regex(NAME_PATTERN, NAME_RULE).describe('Name of the herd.'),
      database: z
        .string(DATABASE_RULE)
        .regex(DATABASE_PATTERN, DATABASE_RULE)
        .meta({ not: { enum: RESERVED_DATABASES } })
        .optional()
        .describe(
          'The database applications connect to. Left out, it is the name of the herd with `-` turned into `_`.',
        ),
      host: z
        .string(HOST_RULE)
        .regex(HOST_PATTERN, HOST_RULE)
        .default('127.0.0.1')
        .describe('The address every server listens on.'),
      port: z
        .union([wholeNumber(1024, 65_535, PORT_RULE), z.literal('auto')], PORT_RULE)
        .default(5440)
        .describe(
          'The first port; the nodes of all groups, in order, get it and the ones after it. `auto`: free ports are chosen.',
        ),
      postgres: postgresSchema.prefault({}),
      groups: z
        .array(groupSchema, 'a list of groups')
        .min(1, 'a list of at least one group')
        .prefault([{}])
        .describe('The groups of the herd. Left out, it is one group `main` of 3 nodes under `zero-loss`.'),
      probes: probesSchema.prefault({}),
      proxy: proxySchema.prefault({}),
      api: apiSchema.prefault({}),
      sharding: shardingSchema.optional(),
    },
    'a mapping',
  )
  .meta({ title: 'pgherd spec', description: 'What a herd of PostgreSQL servers should be.' })

/** A spec whose every field is right by itself; the fields are not yet compared with each other. */
export type ParsedSpec = z.output<typeof specSchema>
