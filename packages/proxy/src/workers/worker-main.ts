import type { Channel } from './process-line.js'
import { ProxyWorker } from './proxy-worker.js'

// A terminal signals all processes in it, and a service manager may: it is the coordinator that says when to end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
// Without it nobody hands over clients, or knows of those that are here.
process.once('disconnect', () => process.exit(0))
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

new ProxyWorker(process as unknown as Channel)
