export { ControlApi } from './api/control-api.js'
export { ControlClient } from './control/control-client.js'
