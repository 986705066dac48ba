import type { Consistency } from '@pgherd/core/routing'

const HINT = /^\s*\/\*\s*pgherd:\s*([a-z]+)(?:\s*=\s*(\d+)\s*ms)?\s*\*\//

/**
 * What a text says of itself in a comment at its beginning: `pgherd: primary`, `session`, `eventual`, or
 * `bounded = 500 ms`. Null when it says nothing, or something else.
 */
export function hintOf(text: string): Consistency | null {
  const match = HINT.exec(text)
  return match === null ? null : readConsistency(match[1] as string, match[2])
}

/** `eventual`, `bounded=500ms`, …, as a setting says it; null when it is none. */
export function readSetting(value: string): Consistency | null {
  const match = /^\s*([a-z]+)(?:\s*=\s*(\d+)\s*ms)?\s*$/.exec(value)
  return match === null ? null : readConsistency(match[1] as string, match[2])
}

function readConsistency(name: string, ms: string | undefined): Consistency | null {
  if (name === 'bounded') return ms === undefined ? null : { bounded: { maxStalenessMs: Number(ms) } }
  if (ms !== undefined) return null
  return name === 'primary' || name === 'session' || name === 'eventual' ? name : null
}

/** As `readSetting` reads it. */
export function writeSetting(consistency: Consistency): string {
  return typeof consistency === 'string' ? consistency : `bounded=${consistency.bounded.maxStalenessMs}ms`
}
