export { ERROR_CATALOGUE, type ErrorCode, HerdError } from './errors.js'
export { formatLsn, type Lsn, parseLsn } from './lsn.js'
