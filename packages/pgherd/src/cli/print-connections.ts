import type { Herd } from '@pgherd/cluster'
import pc from 'picocolors'

/** The connection strings a person wants to paste, with what each is good for. */
export function describeConnections(herd: Herd): string {
  const nodes = herd.spec.groups[0]?.nodes ?? 1
  const lines = [`${pc.dim('Connect (finds the primary, also after a failover)')}`, `  psql "${herd.dsn()}"`]
  const primary = herd.primaryOf()
  if (nodes > 1 && primary !== null) {
    lines.push(
      `${pc.dim(`One node, for an application whose driver knows one host: ${primary.name}, primary now`)}`,
      `  ${herd.dsn(primary.name)}`,
    )
  }
  return lines.join('\n')
}
