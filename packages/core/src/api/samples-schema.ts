import { z } from 'zod'

/** Counts of what finished in the second before. */
export const NodeSampleSchema = z
  .strictObject({
    name: z.string(),
    lagBytes: z.number().nullable(),
    lagMs: z.number().nullable(),
    readsPerSecond: z.number().describe('Statements that read, answered through the proxy'),
    writesPerSecond: z.number(),
    connections: z
      .int()
      .nullable()
      .describe('Server sessions of applications; null while it does not answer'),
    transactionsPerSecond: z.number().nullable().describe("PostgreSQL's own count of commits and rollbacks"),
  })
  .meta({ id: 'NodeSample' })

export type NodeSample = z.infer<typeof NodeSampleSchema>

/** One second of the herd. */
export const SampleSchema = z
  .strictObject({
    at: z.number().describe('Milliseconds since 1970, wall clock'),
    nodes: z.array(NodeSampleSchema),
    latencyMs: z
      .strictObject({ p50: z.number(), p95: z.number(), p99: z.number() })
      .nullable()
      .describe('Of statements through the proxy in this second; null when there were none'),
    clients: z.int().describe('Connected to the proxy'),
    serverConnections: z.int().describe("The proxy's own, lanes and others"),
    lanes: z.int().describe('Shared server connections that statements are pipelined on'),
  })
  .meta({ id: 'Sample' })

export type Sample = z.infer<typeof SampleSchema>

export const SamplesSchema = z
  .strictObject({
    everyMs: z.int(),
    samples: z.array(SampleSchema).describe('Oldest first; the last hour at most'),
  })
  .meta({ id: 'Samples' })

export type Samples = z.infer<typeof SamplesSchema>
