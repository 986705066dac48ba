import { z } from 'zod'

/** What the herd is, which does not change while it runs. */
export const HerdSchema = z
  .strictObject({
    name: z.string(),
    version: z.string().describe("pgherd's"),
    database: z.string(),
    postgresVersion: z.string().nullable(),
    isSharded: z.boolean(),
    startedAt: z.string(),
    proxy: z.strictObject({ dsn: z.string().describe('Without a password') }).nullable(),
    may: z
      .strictObject({ act: z.boolean().describe('False for a token that may only look') })
      .describe('What whoever asks may do'),
  })
  .meta({ id: 'Herd' })

export type HerdView = z.infer<typeof HerdSchema>

/** An error as RFC 9457 has it, with the code of the catalogue. */
export const ProblemSchema = z
  .strictObject({
    type: z.string().describe('A page about the code'),
    title: z.string().describe('What the catalogue says of the code'),
    status: z.int(),
    detail: z.string().describe('What happened, one sentence'),
    code: z.string(),
    hint: z.string().nullable(),
    retryable: z.boolean(),
    sqlState: z.string().nullable().describe("PostgreSQL's own, where it refused"),
    position: z.int().nullable().describe('Of a SQL error: the character, from 1'),
  })
  .meta({ id: 'Problem' })

export type Problem = z.infer<typeof ProblemSchema>

export const LogSchema = z.strictObject({ node: z.string(), lines: z.array(z.string()) }).meta({ id: 'Log' })
