export { ControlClient } from './control/control-client.js'
export { ControlServer } from './control/control-server.js'
