import { parseArgs } from 'node:util'
import { HerdError } from '@pgherd/core'

/** Options that take a value, by name. Throws USAGE. */
export function readFlags<Name extends string>(
  args: readonly string[],
  names: readonly Name[],
): Partial<Record<Name, string>> & { help?: boolean } {
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]))
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { ...options, help: { type: 'boolean', short: 'h' } },
    })
    return values as Partial<Record<Name, string>> & { help?: boolean }
  } catch (error) {
    throw new HerdError('USAGE', error instanceof Error ? error.message : String(error))
  }
}

/** Throws USAGE. */
export function readWholeNumber(
  name: string,
  text: string | undefined,
  { fallback, low, high }: { fallback: number; low: number; high: number },
): number {
  if (text === undefined) return fallback
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= low && value <= high) return value
  throw new HerdError('USAGE', `--${name} takes a whole number from ${low} to ${high}, not "${text}".`)
}
