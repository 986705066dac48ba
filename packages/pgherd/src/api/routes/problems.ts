import { ProblemSchema } from '@pgherd/core/api'

/** What every route may answer with besides. */
export const PROBLEMS = { '4xx': ProblemSchema, '5xx': ProblemSchema } as const
