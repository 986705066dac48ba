import type { GroupSpec } from './herd-spec.js'
import type { ParsedSpec } from './spec-schema.js'

export interface ExpandedGroup {
  group: GroupSpec
  /** Its place in the list that was written. */
  written: number
}

/** Makes `count` groups of each that says so, numbered from 1: `s1`, `s2`, ... */
export function expandGroups(groups: ParsedSpec['groups']): ExpandedGroup[] {
  return groups.flatMap(({ count, ...group }, written) =>
    count === undefined
      ? [{ group, written }]
      : Array.from({ length: count }, (_, index) => ({
          group: { ...group, name: `${group.name}${index + 1}` },
          written,
        })),
  )
}
