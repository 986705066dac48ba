/**
 * For packages of pgherd itself, which look at the same nodes and judge statements as the pool does. No
 * promise is made of it to anybody else.
 */
export { CatalogueLoader } from './catalogue-loader.js'
export { ChangeSignal } from './change-signal.js'
export { GroupWatch } from './group-watch.js'
export { LatencyHistogram, type LatencySnapshot } from './latency-histogram.js'
export type { NodeAddress } from './node-addresses.js'
export { ANY_NATURE, type TextNature } from './owned-client.js'
export { PoolNode } from './pool-node.js'
export { type PoolOptions, readOptions, type Settings } from './pool-options.js'
export { ReplayWatch } from './replay-watch.js'
export { Session } from './session.js'
export { StatementBook, type StatementRecord } from './statement-book.js'
export { SupervisorFeed } from './supervisor-feed.js'
export { WriteStamper } from './write-stamper.js'
