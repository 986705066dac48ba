export { Herd } from './herd.js'
export type { MembershipReport } from './membership/herd-membership.js'
export * from './on-disk.js'
export { type HerdOptions, openHerd } from './open-herd.js'
export { connectAdmin, withAdminConnection } from './replication/admin-connection.js'
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
