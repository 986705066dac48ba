export { BASE_BACKUP_SKIP } from './base-backup-skip.js'
export { type Binaries, findBinaries } from './binaries.js'
export { cacheFolder } from './cache-folder.js'
export { type CopyOptions, copyDirectory } from './copy-directory.js'
export { inspectDataDirectory, markStandby, unmarkStandby } from './data-directory.js'
export {
  type ControlData,
  decodeControl,
  newSystemIdentifier,
  readControl,
  rewriteSystemIdentifier,
} from './pg-control.js'
export { findFreePorts, isPortFree, whoHoldsPort } from './ports.js'
export {
  adoptServer,
  launchServer,
  type RunningServer,
  type ServerExit,
  waitReady,
} from './server.js'
export type { Server, ServerAddress } from './server-place.js'
export {
  prepareDataDirectory,
  renderSettings,
  type ServerSettings,
  writeSettings,
} from './server-settings.js'
export {
  killAllProcesses,
  pauseAllProcesses,
  resumeAllProcesses,
  type ServerSignal,
  signalServer,
  stopServer,
} from './server-signals.js'
export { canRead, chooseServerUser, type ServerUser } from './server-user.js'
export { classifyStartFailure } from './start-failure.js'
export { ensureTemplate, type Template } from './template.js'
