import { herdSchema } from './herd-schema.js'
import type { SpecPath } from './spec-path.js'

interface SchemaNode {
  properties?: Record<string, SchemaNode>
  items?: SchemaNode
  anyOf?: SchemaNode[]
}

let schema: SchemaNode | undefined

/** The keys a mapping at this path may have; empty where no mapping with fixed keys stands. */
export function knownKeys(path: SpecPath): string[] {
  schema ??= herdSchema() as SchemaNode
  const node = path.reduce<SchemaNode | undefined>(
    (at, step) => (typeof step === 'number' ? at?.items : mappingOf(at)?.[step]),
    schema,
  )
  return Object.keys(mappingOf(node) ?? {})
}

/** The fields of a mapping, also where something else may stand in its place. */
function mappingOf(node: SchemaNode | undefined): SchemaNode['properties'] {
  return node?.properties ?? node?.anyOf?.find(({ properties }) => properties !== undefined)?.properties
}

const SECTIONS: readonly { path: SpecPath; where: string }[] = [
  { path: [], where: 'at the top level' },
  { path: ['groups', 0], where: 'in a group' },
  { path: ['postgres'], where: 'in postgres' },
  { path: ['probes'], where: 'in probes' },
  { path: ['proxy'], where: 'in proxy' },
]

/** Where a key belongs, as a person says it; undefined if no section has such a key. */
export function sectionOf(key: string): string | undefined {
  return SECTIONS.find(({ path }) => knownKeys(path).includes(key))?.where
}
