export { type DsnRole, dsnOf, proxyDsnOf } from './dsn.js'
export { Herd } from './herd.js'
export { nodesOf } from './herd-nodes.js'
export {
  describeLeftHerd,
  destroyHerd,
  type LeftHerd,
  listHerds,
  readLeftHerd,
  sizeOfHerd,
  stopLeftServers,
} from './left-herd.js'
export type { MembershipReport } from './membership/herd-membership.js'
export { type HerdOptions, openHerd } from './open-herd.js'
export { connectAdmin, withAdminConnection } from './replication/admin-connection.js'
export { APPLICATION_ROLE } from './replication/node-settings.js'
export { checkDrift, type DriftCheck } from './sharding/drift/check-drift.js'
export {
  type DescribedTable,
  describeTables,
  type FederatedGroup,
  federationDatabase,
  type Reader,
  type SkippedTable,
  type SyncOptions,
  type SyncReport,
  syncFederation,
} from './sharding/federation/index.js'
export { firstPlacement } from './sharding/first-placement.js'
export { makePrivateFolder, readState, writeDurably } from './state/durable-file.js'
export { type EventCause, type HerdEvent, readEvents } from './state/event-log.js'
export { type HerdIdentity, readIdentity, readSecrets, type Secrets } from './state/herd-identity.js'
export { type HerdPaths, herdPaths, type NodePaths, nodePaths } from './state/herd-paths.js'
export { NumberedLog } from './state/numbered-log.js'
export { readSupervisor, type SupervisorRecord } from './state/supervisor-lock.js'
