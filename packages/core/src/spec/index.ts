export { exampleSpec } from './example-spec.js'
export { herdSchema } from './herd-schema.js'
export type {
  Durability,
  GroupSpec,
  HerdSpec,
  PostgresVersion,
  ProxySpec,
  SettingValue,
  ShardingSpec,
  TableSpec,
} from './herd-spec.js'
export { type ProxyFile, parseProxyFile, parseSpec } from './parse-spec.js'
export { SpecError, type SpecProblem } from './spec-error.js'
