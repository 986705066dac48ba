import { z } from 'zod'

/** How many of something: a whole number in a query string. */
export function countParameter(most: number, usual: number) {
  return z.coerce.number().int().min(0).max(most).default(usual)
}
