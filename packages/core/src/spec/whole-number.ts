import { z } from 'zod'

export function wholeNumber(min: number, max: number, what = `a whole number from ${min} to ${max}`) {
  return z.int(what).min(min, what).max(max, what)
}
