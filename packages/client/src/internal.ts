/**
 * For packages of pgherd itself, which look at the same nodes and judge statements as the pool does. No
 * promise is made of it to anybody else.
 */
export { CatalogueLoader, fetchCatalogueWithin } from './catalogue-loader.js'
export { ChangeSignal } from './change-signal.js'
export { GroupNodes } from './group-nodes.js'
export { GroupWatch } from './group-watch.js'
export { LatencyHistogram, type LatencySnapshot } from './latency-histogram.js'
export { addressElsewhere, type NodeAddress } from './node-addresses.js'
export { ANY_NATURE, type TextNature } from './owned-client.js'
export { PoolNode } from './pool-node.js'
export { type PoolOptions, readOptions, type Settings } from './pool-options.js'
export { ReplayWatch } from './replay-watch.js'
export { isHarmless } from './server-error.js'
export { Session } from './session.js'
export { commitTogether, type PartClient, type Participant } from './shards/commit-together.js'
export type { CopyRoute } from './shards/copy-route.js'
export type { HerdRoute, Route, StatementPart } from './shards/herd-route.js'
export { LOCK_PATIENCE } from './shards/herd-transaction.js'
export {
  checkMovable,
  deleteMoved,
  insertMoved,
  type MovedRow,
  type MoveRoute,
  readMoved,
  refuseMove,
  updateText,
} from './shards/move-rows.js'
export {
  type FullPlacement,
  fetchPlacedCatalogue,
  fetchPlacement,
} from './shards/placed-columns.js'
export { planHerdRoute } from './shards/plan-herd-route.js'
export { MissingTable, RoutePlanner } from './shards/route-planner.js'
export {
  CURSOR,
  castsOf,
  FETCHED_ROWS,
  insertsOf,
  partRows,
  type SelectInsertRoute,
  TYPE_NAMES,
  valuesOf,
} from './shards/select-insert-route.js'
export {
  beginStep,
  isOfOneSnapshot,
  type SavepointCommand,
  type Step,
  savepointOf,
  settingStep,
  stepsMoved,
  stepsOfChain,
  takesRole,
  withSetting,
} from './shards/session-steps.js'
export { StatementBook, type StatementRecord } from './statement-book.js'
export type { InternalOptions, Notice, StatementTrace } from './statement-trace.js'
export { SupervisorFeed } from './supervisor-feed.js'
export { WriteStamper } from './write-stamper.js'
