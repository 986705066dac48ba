import { z } from 'zod'
import { JOB_KINDS } from './jobs-schema.js'

/** What can be done through the API: what is begun as a job, statements, and requests that no route is for. */
export const AUDIT_ACTIONS = [...JOB_KINDS, 'sql', 'other'] as const
export type AuditAction = (typeof AUDIT_ACTIONS)[number]

/** accepted: done, or begun as a job; refused: what was asked for is at fault; failed: the herd is. */
export const AUDIT_OUTCOMES = ['accepted', 'refused', 'failed'] as const
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number]

export const AuditEntrySchema = z
  .strictObject({
    id: z.int().positive().describe('Grows by one per entry over the life of the herd'),
    at: z.string().describe('ISO 8601, wall clock'),
    action: z.enum(AUDIT_ACTIONS),
    who: z.string().describe('The name of the token, "loopback", "socket" (commands), or "nobody"'),
    from: z.string().describe('The address it came from'),
    method: z.string(),
    path: z.string(),
    status: z.int().describe('Of the answer; 202: begun as a job'),
    outcome: z.enum(AUDIT_OUTCOMES).describe('accepted: below 400; refused: 4xx; failed: 5xx'),
    job: z.string().nullable().describe('The id of what was begun'),
    what: z.string().nullable().describe('The body of the request'),
  })
  .meta({ id: 'AuditEntry' })

export type AuditEntry = z.infer<typeof AuditEntrySchema>

export const AuditSchema = z
  .strictObject({ entries: z.array(AuditEntrySchema).describe('Newest first') })
  .meta({ id: 'Audit' })

export type AuditView = z.infer<typeof AuditSchema>
