import { z } from 'zod'
import type { SpecPath } from './spec-path.js'

interface SchemaNode {
  properties?: Record<string, SchemaNode>
  items?: SchemaNode
  additionalProperties?: SchemaNode | boolean
  anyOf?: SchemaNode[]
}

interface Section {
  readonly path: SpecPath
  /** As a person says it. */
  readonly where: string
}

/** The keys that one kind of file has, so that a person can be told which one was meant. */
export class Vocabulary {
  readonly #source: z.ZodType
  readonly #sections: readonly Section[]
  #schema: SchemaNode | undefined

  constructor(source: z.ZodType, sections: readonly Section[]) {
    this.#source = source
    this.#sections = sections
  }

  /** The keys a mapping at this path may have; empty where no mapping with fixed keys stands. */
  knownKeys(path: SpecPath): string[] {
    this.#schema ??= z.toJSONSchema(this.#source, { io: 'input', target: 'draft-7' }) as SchemaNode
    const node = path.reduce<SchemaNode | undefined>(
      (at, step) => (typeof step === 'number' ? at?.items : (mappingOf(at)?.[step] ?? anyEntryOf(at))),
      this.#schema,
    )
    return Object.keys(mappingOf(node) ?? {})
  }

  /** Where a key belongs; undefined if no section has such a key. */
  sectionOf(key: string): string | undefined {
    return this.#sections.find(({ path }) => this.knownKeys(path).includes(key))?.where
  }
}

/** The fields of a mapping, also where something else may stand in its place. */
function mappingOf(node: SchemaNode | undefined): SchemaNode['properties'] {
  return node?.properties ?? node?.anyOf?.find(({ properties }) => properties !== undefined)?.properties
}

/** What stands behind each key of a mapping whose keys are a person's own. */
function anyEntryOf(node: SchemaNode | undefined): SchemaNode | undefined {
  const entry = node?.additionalProperties
  return typeof entry === 'object' ? entry : undefined
}
