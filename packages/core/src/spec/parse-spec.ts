import { compareFields } from './compare-fields.js'
import { compareSharding } from './compare-sharding.js'
import { describeIssue } from './describe-issue.js'
import { expandGroups } from './expand-groups.js'
import type { GroupSpec, HerdSpec, ProxySpec } from './herd-spec.js'
import { Vocabulary } from './known-keys.js'
import { defaultDatabase } from './names.js'
import { readSharding } from './read-sharding.js'
import { SpecError, type SpecProblem } from './spec-error.js'
import { type FieldProblem, showValue } from './spec-path.js'
import { type ParsedSpec, proxyFileSchema, specSchema } from './spec-schema.js'
import { readYaml, type YamlSource } from './yaml-source.js'

/**
 * Reads a spec and fills in its defaults. `file` is only a name for messages; nothing is opened.
 *
 * Throws a SpecError (`SPEC_INVALID`) that lists every problem with its line and column.
 */
export function parseSpec(text: string, file: string): HerdSpec {
  const source = readYaml(text, file)
  refuseNonMapping(source.data, file)
  const parsed = specSchema.safeParse(source.data)
  if (!parsed.success) {
    const problems = parsed.error.issues.flatMap((issue) => describeIssue(issue, source.data, SPEC))
    throw new SpecError(file, locateEach(problems, source))
  }
  const spec = withDerived(parsed.data)
  const written = expandGroups(parsed.data.groups).map((each) => each.written)
  const problems = [
    ...compareFields(spec, written),
    ...compareSharding(parsed.data.sharding, namesOf(spec.groups)),
  ]
  if (problems.length > 0) throw new SpecError(file, locateEach(problems, source))
  return spec
}

const SPEC = new Vocabulary(specSchema, [
  { path: [], where: 'at the top level' },
  { path: ['groups', 0], where: 'in a group' },
  { path: ['postgres'], where: 'in postgres' },
  { path: ['probes'], where: 'in probes' },
  { path: ['proxy'], where: 'in proxy' },
  { path: ['api'], where: 'in api' },
  { path: ['sharding'], where: 'in sharding' },
])
const PROXY_FILE = new Vocabulary(proxyFileSchema, [
  { path: [], where: 'at the top level' },
  { path: ['tls'], where: 'in tls' },
])

/** A proxy alone, as a file for `pgherd proxy` describes it. */
export interface ProxyFile extends ProxySpec {
  port: number | 'auto'
  /** Connection strings; absent where they come from elsewhere. */
  nodes?: string[] | undefined
}

/** Reads a file for `pgherd proxy`, and fills in its defaults. Throws a SpecError as `parseSpec` does. */
export function parseProxyFile(text: string, file: string): ProxyFile {
  const source = readYaml(text, file)
  // A file without a word in it says that everything is as usual.
  if (source.data !== null) refuseNonMapping(source.data, file)
  const parsed = proxyFileSchema.safeParse(source.data ?? {})
  if (parsed.success) return { ...parsed.data, port: parsed.data.port ?? PROXY_PORT }
  const problems = parsed.error.issues.flatMap((issue) => describeIssue(issue, source.data, PROXY_FILE))
  throw new SpecError(file, locateEach(problems, source))
}

/** Fills in the defaults that follow from other fields. */
function withDerived({ sharding, ...parsed }: ParsedSpec): HerdSpec {
  const { proxy } = parsed
  const groups = expandGroups(parsed.groups).map(({ group }) => group)
  return {
    ...parsed,
    groups,
    database: parsed.database ?? defaultDatabase(parsed.name),
    proxy: proxy !== false && { ...proxy, port: proxy.port ?? defaultProxyPort(parsed.port, groups) },
    ...(sharding === undefined ? {} : { sharding: readSharding(sharding, namesOf(groups)) }),
  }
}

function namesOf(groups: readonly GroupSpec[]): string[] {
  return groups.map(({ name }) => name)
}

const PROXY_PORT = 6432

/** A herd whose nodes stand on the usual port was there before the proxy was. */
function defaultProxyPort(port: number | 'auto', groups: readonly GroupSpec[]): number | 'auto' {
  if (port === 'auto') return 'auto'
  const last = port + groups.reduce((sum, { nodes }) => sum + nodes, 0) - 1
  return PROXY_PORT < port || PROXY_PORT > last ? PROXY_PORT : 'auto'
}

function refuseNonMapping(data: unknown, file: string): void {
  if (typeof data === 'object' && data !== null && !Array.isArray(data)) return
  const message =
    data === null ? 'the spec is empty' : `a spec must be a mapping of keys to values, not ${showValue(data)}`
  throw new SpecError(file, [{ line: 1, column: 1, path: '', message }], {
    hint: 'The shortest spec is one line, "name: my-herd"; "pgherd init" writes one with comments.',
  })
}

/** One field can break several rules that say the same sentence; it is said once. */
function locateEach(problems: readonly FieldProblem[], source: YamlSource): SpecProblem[] {
  const distinct = new Map(problems.map((problem) => [problem.message, problem]))
  return [...distinct.values()].map((problem) => source.locate(problem))
}
