export { ERROR_CATALOGUE, type ErrorCode, HerdError } from './errors.js'
export { type Lag, lagOf, type WalSample, withSample } from './lag.js'
export { formatLsn, type Lsn, parseLsn } from './lsn.js'
export type { GroupStatus, HerdStatus, NodeStatus } from './topology.js'
