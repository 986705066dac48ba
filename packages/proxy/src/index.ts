export type { TlsOptions } from './auth/tls-identity.js'
export type { ClientFacts, ProxyFacts } from './proxy-facts.js'
export type { ProxyOptions } from './proxy-options.js'
export { type ProxyOwner, WireProxy } from './wire-proxy.js'
