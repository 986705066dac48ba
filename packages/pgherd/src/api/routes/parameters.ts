import { z } from 'zod'

/** How many of something: a whole number in a query string. */
export function countParameter(most: number, usual: number) {
  return z.coerce.number().int().min(0).max(most).default(usual)
}

/** Where a page ends: the id after its last entry. */
export function idParameter() {
  return z.coerce.number().int().min(1).optional().describe('The id of the first one not wanted')
}
