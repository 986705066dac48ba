// What is known of a herd from its files and processes alone. A command that starts nothing loads this in a
// fraction of the time that the rest takes: keep what supervises, and its dependencies, out of it.

export { type DsnRole, dsnOf, proxyDsnOf } from './dsn.js'
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
export { APPLICATION_ROLE } from './replication/node-settings.js'
export { makePrivateFolder, readState, writeDurably } from './state/durable-file.js'
export { type EventCause, type HerdEvent, readEvents } from './state/event-log.js'
export { type HerdIdentity, readIdentity, readSecrets, type Secrets } from './state/herd-identity.js'
export { type HerdPaths, herdPaths, type NodePaths, nodePaths } from './state/herd-paths.js'
export { NumberedLog } from './state/numbered-log.js'
export { readSupervisor, type SupervisorRecord } from './state/supervisor-lock.js'
