import type { GroupSpec } from './herd-spec.js'

/** The names of a group's nodes, in the order of their ports: `main-1`, `main-2`, ... */
export function nodeNames(group: GroupSpec): string[] {
  return Array.from({ length: group.nodes }, (_, index) => `${group.name}-${index + 1}`)
}
