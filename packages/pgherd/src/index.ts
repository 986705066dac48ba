export { ControlApi } from './api/control-api.js'
export { ControlClient } from './control/control-client.js'
export { runPgherd } from './control/run-pgherd.js'
export { findHerd, findRunningHerd, RunningHerd } from './control/running-herd.js'
