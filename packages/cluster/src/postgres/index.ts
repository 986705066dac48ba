export { type Binaries, findBinaries } from './binaries.js'
export { cacheFolder } from './cache-folder.js'
export { inspectDataDirectory, markStandby, unmarkStandby } from './data-directory.js'
export {
  adoptServer,
  launchServer,
  type RunningServer,
  type Server,
  type ServerAddress,
  type ServerExit,
  waitReady,
} from './server.js'
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
