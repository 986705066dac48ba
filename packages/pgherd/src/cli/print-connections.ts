import { federationDatabase, type Herd } from '@pgherd/cluster'
import pc from 'picocolors'

/** The connection strings a person wants to paste, with what each is good for. */
export function describeConnections(herd: Herd): string {
  const names = herd.groupNames.flatMap((group) => herd.nodesOf(group))
  const proxy = herd.proxyDsn()
  const all = [
    ...(herd.api === null
      ? []
      : [pc.dim('The page that shows the herd (pgherd open):'), `  ${herd.api.url}`]),
    ...(proxy === null ? [] : describeProxy(herd, proxy)),
    ...(herd.spec.sharding === undefined
      ? [pc.dim('Any client of libpq; finds the primary, also after a failover:'), `  psql "${herd.dsn()}"`]
      : [pc.dim('@pgherd/client; finds every shard, and its primary:'), `  ${herd.dsn()}`]),
  ]
  if (names.length === 1) return all.join('\n')
  const each = names.map((name) => `  ${herd.dsn(name)}  ${pc.dim(name)}`)
  return [...all, pc.dim('One node:'), ...each].join('\n')
}

function describeProxy(herd: Herd, dsn: string): string[] {
  return herd.proxy === null
    ? [pc.yellow('The proxy does not serve; "pgherd logs" says why.')]
    : herd.spec.sharding === undefined
      ? [pc.dim('Any PostgreSQL client; one database, with the whole herd behind it:'), `  psql "${dsn}"`]
      : [
          pc.dim('Any PostgreSQL client:'),
          `  psql "${dsn}"`,
          pc.dim('The same, for tools that look into the catalogue: all tables in one place, to read only:'),
          `  psql "${inDatabase(dsn, federationDatabase(herd.spec.database))}"`,
        ]
}

function inDatabase(dsn: string, database: string): string {
  const url = new URL(dsn)
  url.pathname = `/${database}`
  return url.href
}
