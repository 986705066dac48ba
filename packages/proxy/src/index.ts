export type { ProxyOptions } from './proxy-options.js'
export { WireProxy } from './wire-proxy.js'
