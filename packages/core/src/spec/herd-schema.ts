import { z } from 'zod'
import { specSchema } from './spec-schema.js'

/**
 * The spec as JSON Schema (draft 7, which editors read best), from the source `parseSpec` checks with.
 * It cannot say what compares fields with each other: unique group names, ports that fit, settings
 * that would break zero-loss.
 */
export function herdSchema(): object {
  return z.toJSONSchema(specSchema, { io: 'input', target: 'draft-7' })
}
