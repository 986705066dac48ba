export { chooseNode, lsnForStaleness, type NodeChoice, type NodeNeed, whyNoPrimary } from './choose-node.js'
export {
  type GroupEvent,
  type GroupLimits,
  type GroupView,
  type NodeView,
  type PrimarySample,
  type Probe,
  unseenGroup,
  withNodes,
} from './group-view.js'
export { type Failure, judgeFailure, type Progress, type Verdict } from './judge-failure.js'
export { forgetPosition, noteReplay, type Observed, observeGroup, whyMixed } from './observe-group.js'
export { type PlacedNames, planSchemaChange, type SchemaPlan } from './plan-schema-change.js'
export { type Consistency, type Plan, planStatement, type StatementNature } from './plan-statement.js'
export * from './shards/index.js'
