import { HerdError } from '@pgherd/core'
import type { HerdSpec } from '@pgherd/core/spec'

/**
 * What a herd was made from cannot be edited under it; settings, durability, probes, ports and the proxy can.
 * Throws SPEC_CHANGED with every difference.
 */
export function refuseChangedSpec(made: HerdSpec, wanted: HerdSpec): void {
  const differences = [
    differs('postgres.version', made.postgres.version, wanted.postgres.version),
    differs('database', made.database, wanted.database),
    differs('host', made.host, wanted.host),
    differs('groups', groupsOf(made), groupsOf(wanted)),
  ].filter((difference) => difference !== null)
  if (differences.length === 0) return
  throw new HerdError(
    'SPEC_CHANGED',
    `The herd "${made.name}" exists already, with ${differences.join(', and ')}.`,
    {
      hint: 'Change the spec back, give the new herd another name, or destroy the old one: pgherd down --destroy',
    },
  )
}

function groupsOf(spec: HerdSpec): string {
  return spec.groups.map((group) => `${group.name} of ${group.nodes}`).join(', ')
}

function differs(field: string, made: unknown, wanted: unknown): string | null {
  return made === wanted ? null : `${field} ${made} (the spec now says ${wanted})`
}
