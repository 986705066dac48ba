import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml'
import { SpecError, type SpecProblem } from './spec-error.js'
import { type FieldProblem, formatPath, type SpecPath, showValue } from './spec-path.js'

/** YAML read into plain data that still knows where each field stood. */
export interface YamlSource {
  data: unknown
  /** Adds line and column. A field that is not in the file is placed at the nearest one around it. */
  locate(problem: FieldProblem): SpecProblem
}

const MOST_CHARACTERS = 100_000
const MOST_ALIASES = 100

/** Reads one YAML 1.2 document. Throws a SpecError on anything that is not plain YAML. */
export function readYaml(text: string, file: string): YamlSource {
  if (text.length > MOST_CHARACTERS) fail(1, 1, 'the file is larger than any spec; is it the right one?')
  const lines = new LineCounter()
  const placed = (offset: number, path: SpecPath, message: string): SpecProblem => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1), path: formatPath(path), message }
  }
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: 'error',
  })
  const broken = firstOf([...document.errors, ...document.warnings])
  if (broken !== undefined) throw new SpecError(file, [placed(broken.pos[0], [], sayYamlError(broken))])
  if (document.directives?.yaml.explicit && document.directives.yaml.version !== '1.2') {
    fail(1, 1, 'a spec is YAML 1.2; remove the %YAML line')
  }
  return {
    data: toData(),
    locate: ({ path, at, message }) => placed(findOffset(document, path, at), path, message),
  }

  function toData(): unknown {
    try {
      const refused = refusedNodes(document).map(({ offset, message }) => placed(offset, [], message))
      if (refused.length > 0) throw new SpecError(file, refused)
      return document.toJS({ maxAliasCount: MOST_ALIASES })
    } catch (error) {
      if (error instanceof ReferenceError) return fail(1, 1, sayAliasError(error))
      if (error instanceof RangeError) return fail(1, 1, 'the file is nested too deeply for a spec')
      throw error
    }
  }

  function fail(line: number, column: number, message: string): never {
    throw new SpecError(file, [{ line, column, path: '', message }])
  }
}

/** Later errors are mostly consequences of the first. */
function firstOf(errors: readonly YAMLError[]): YAMLError | undefined {
  return [...errors].sort((a, b) => a.pos[0] - b.pos[0])[0]
}

function sayYamlError({ code, message }: YAMLError): string {
  switch (code) {
    case 'TAB_AS_INDENT':
      return 'a tab cannot indent YAML; use spaces'
    case 'MULTIPLE_DOCS':
      return 'a spec is one YAML document; remove the "---" and what follows it, or split the file'
    case 'RESOURCE_EXHAUSTION':
      return 'the file is nested too deeply for a spec'
    default:
      return `this is not valid YAML: ${message}`
  }
}

function sayAliasError({ message }: ReferenceError): string {
  return message.startsWith('Excessive alias count')
    ? 'the file repeats its anchors too often (YAML aliases that multiply); write the values out'
    : `this is not valid YAML: ${message}`
}

/**
 * What the parser lets pass and a spec does not: keys that are twice in one mapping or are not plain
 * words (`__proto__` would be dropped on the way), and aliases of anchors that stand nowhere above.
 */
function refusedNodes(document: Document): { offset: number; message: string }[] {
  const problems: { offset: number; message: string }[] = []
  const anchors = new Set<string>()
  visit(document, {
    Value(_, node) {
      if (node.anchor !== undefined) anchors.add(node.anchor)
    },
    Alias(_, alias) {
      if (anchors.has(alias.source)) return
      problems.push({
        offset: offsetOf(alias) ?? 0,
        message: `no anchor "&${alias.source}" stands above this`,
      })
    },
    Map(_, map) {
      if (map.anchor !== undefined) anchors.add(map.anchor)
      const seen = new Set<string>()
      for (const { key } of map.items) {
        const offset = offsetOf(key) ?? 0
        if (!isScalar(key) || key.value === '__proto__') {
          problems.push({ offset, message: 'a key in a spec is a plain word' })
          continue
        }
        const name = String(key.value)
        if (seen.has(name)) problems.push({ offset, message: `duplicate key ${showValue(name)}` })
        seen.add(name)
      }
    },
  })
  return problems
}

function findOffset(document: Document, path: SpecPath, at: 'key' | 'value'): number {
  let node: unknown = document.contents
  let offset = offsetOf(node) ?? 0
  for (const [depth, step] of path.entries()) {
    const here = isAlias(node) ? node.resolve(document) : node
    const pair = isMap(here) ? findPair(here, step) : undefined
    const next: unknown = isSeq(here) ? here.items[Number(step)] : pair?.value
    if (next === undefined && pair === undefined) return offset
    const wantsKey = at === 'key' && depth === path.length - 1
    offset = offsetOf(wantsKey || isNothing(next) ? pair?.key : next) ?? offset
    node = next
  }
  return offset
}

function findPair(map: YAMLMap, step: string | number): Pair | undefined {
  return map.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
}

/** A value left empty stands nowhere a person would look; its key does. */
function isNothing(value: unknown): boolean {
  return value === null || (isScalar(value) && value.value === null)
}

function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? (node as Node).range?.[0] : undefined
}
