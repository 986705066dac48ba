export { describeTables } from './describe-tables.js'
export type { DescribedTable, SkippedTable } from './description.js'
export type { FederatedGroup, Reader } from './federation.js'
export { federationDatabase, type SyncOptions, type SyncReport, syncFederation } from './sync-federation.js'
