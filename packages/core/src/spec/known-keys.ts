import { herdSchema } from './herd-schema.js'
import type { SpecPath } from './spec-path.js'

interface SchemaNode {
  properties?: Record<string, SchemaNode>
  items?: SchemaNode
}

/** The keys a mapping at this path may have; empty where no mapping with fixed keys stands. */
export function knownKeys(path: SpecPath): string[] {
  const node = path.reduce<SchemaNode | undefined>(
    (at, step) => (typeof step === 'number' ? at?.items : at?.properties?.[step]),
    herdSchema() as SchemaNode,
  )
  return Object.keys(node?.properties ?? {})
}

/** The section where a key belongs, as a person says it; undefined if no section has such a key. */
export function sectionOf(key: string): string | undefined {
  if (knownKeys([]).includes(key)) return 'at the top level'
  if (knownKeys(['groups', 0]).includes(key)) return 'in a group'
  return ['postgres', 'probes']
    .map((section) => ({ section, keys: knownKeys([section]) }))
    .find(({ keys }) => keys.includes(key))?.section
}
