import { z } from 'zod'

const ProblemFields = z.strictObject({
  code: z.string(),
  message: z.string(),
  hint: z.string().nullable(),
})

export const JOB_KINDS = ['failover', 'switchover', 'add-node', 'remove-node', 'chaos', 'stop'] as const

/** Something that takes longer than an answer may. */
export const JobSchema = z
  .strictObject({
    id: z.string(),
    kind: z.enum(JOB_KINDS),
    title: z.string().describe('What it does, for a person: "Hand main over to main-2"'),
    group: z.string().nullable(),
    node: z.string().nullable(),
    state: z.enum(['running', 'done', 'failed']),
    step: z.string().nullable().describe('What it is at just now'),
    progress: z.number().min(0).max(1).nullable().describe('Null where it cannot be said'),
    startedAt: z.string(),
    endedAt: z.string().nullable(),
    error: ProblemFields.nullable(),
    undo: z
      .strictObject({
        title: z.string(),
        method: z.enum(['POST', 'DELETE']),
        path: z.string(),
        body: z.record(z.string(), z.unknown()).nullable(),
      })
      .nullable()
      .describe('The request that takes it back, where there is one'),
  })
  .meta({ id: 'Job' })

export type Job = z.infer<typeof JobSchema>

export const JobsSchema = z
  .strictObject({ jobs: z.array(JobSchema).describe('Newest first') })
  .meta({ id: 'Jobs' })

export const FailoverRequest = z
  .strictObject({
    acceptLoss: z.boolean().default(false).describe('Go on though acknowledged writes may be lost'),
  })
  .meta({ id: 'FailoverRequest' })

export const SwitchoverRequest = z
  .strictObject({
    to: z.string().nullable().default(null).describe('The standby to hand over to; null: the best'),
  })
  .meta({ id: 'SwitchoverRequest' })

export const ChaosRequest = z
  .strictObject({ action: z.enum(['kill', 'pause', 'resume']) })
  .meta({ id: 'ChaosRequest' })

export const AddNodeRequest = z
  .strictObject({ count: z.int().min(1).max(5).default(1) })
  .meta({ id: 'AddNodeRequest' })

export const RemoveNodeRequest = z
  .strictObject({
    confirm: z.string().describe('The name of the node once more: its copy of the data is deleted'),
  })
  .meta({ id: 'RemoveNodeRequest' })
