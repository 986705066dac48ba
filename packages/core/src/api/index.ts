/**
 * What the control API says and takes: the one source of its checks, its OpenAPI document and the page's types.
 *
 * `GET /v1/events` with `Accept: text/event-stream` sends, besides events (`event: event`, with their `id`, so
 * that `Last-Event-ID` resumes): `topology` (a Topology, whenever it has changed), `sample` (a Sample, each
 * second) and `job` (a Job, whenever it has changed). `?only=event,job` leaves the others out.
 */
export * from './audit-schema.js'
export * from './events-schema.js'
export * from './herd-schema.js'
export * from './jobs-schema.js'
export * from './samples-schema.js'
export * from './shards-schema.js'
export * from './sql-schema.js'
export * from './topology-schema.js'
