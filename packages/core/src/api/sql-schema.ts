import { z } from 'zod'

export const SqlRequestSchema = z
  .strictObject({
    text: z.string().min(1).max(1_000_000).describe('One statement'),
    values: z.array(z.string().nullable()).max(65_535).default([]).describe('Of $1, $2, …, as text'),
    consistency: z.enum(['primary', 'session', 'bounded', 'eventual']).default('session'),
    maxRows: z.int().min(1).max(10_000).default(1000),
    explain: z.boolean().default(false).describe("Also PostgreSQL's own plan of it, as EXPLAIN shows it"),
  })
  .meta({ id: 'SqlRequest' })

export type SqlRequest = z.input<typeof SqlRequestSchema>

/** Where a statement went, and why there. */
export const SqlPlanSchema = z
  .strictObject({
    kind: z.enum(['one group', 'scatter', 'federation', 'several groups']),
    groups: z.array(z.string()),
    node: z.string().nullable().describe('Null when several answered'),
    role: z.enum(['primary', 'standby']).nullable(),
    connection: z.enum(['shared', 'own']).nullable().describe('Shared: a lane'),
    why: z.string(),
  })
  .meta({ id: 'SqlPlan' })

export type SqlPlan = z.infer<typeof SqlPlanSchema>

export const SqlAnswerSchema = z
  .strictObject({
    command: z.string(),
    rowCount: z.int().nullable(),
    columns: z.array(z.strictObject({ name: z.string(), type: z.string() })),
    rows: z.array(z.array(z.string().nullable())).describe("Cells as PostgreSQL's text"),
    isTruncated: z.boolean().describe('There are more rows than were asked for'),
    notices: z.array(z.string()).describe('What servers said beside the answer, as `WARNING: …`'),
    plan: SqlPlanSchema.nullable(),
    explain: z.string().nullable(),
    elapsedMs: z.number(),
  })
  .meta({ id: 'SqlAnswer' })

export type SqlAnswer = z.infer<typeof SqlAnswerSchema>

export const TableSchema = z
  .strictObject({
    schema: z.string(),
    name: z.string(),
    kind: z.enum(['table', 'view', 'materialized view', 'partitioned table', 'foreign table']),
    placement: z.enum(['home', 'sharded', 'reference']),
    key: z.array(z.string()).describe('The shard key; empty unless sharded'),
    rows: z.number().nullable().describe("PostgreSQL's estimate, over all shards; null: not known"),
    bytes: z.number().nullable().describe('With its indexes, over all shards'),
    columns: z.array(
      z.strictObject({
        name: z.string(),
        type: z.string(),
        isNullable: z.boolean(),
        default: z.string().nullable(),
        isPrimaryKey: z.boolean(),
      }),
    ),
    indexes: z.array(
      z.strictObject({ name: z.string(), definition: z.string(), bytes: z.number().nullable() }),
    ),
  })
  .meta({ id: 'Table' })

export type TableView = z.infer<typeof TableSchema>

export const TablesSchema = z.strictObject({ tables: z.array(TableSchema) }).meta({ id: 'Tables' })
