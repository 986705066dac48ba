import { parseArgs } from 'node:util'
import { HerdError } from '@pgherd/core'

export type Flags<Value extends string, Switch extends string> = Partial<Record<Value, string>> &
  Partial<Record<Switch | 'help', boolean>>

/** Options that take a value and such that take none. Throws USAGE. */
export function readFlags<Value extends string, Switch extends string = never>(
  args: readonly string[],
  values: readonly Value[],
  switches: readonly Switch[] = [],
): Flags<Value, Switch> {
  const options = Object.fromEntries([
    ...values.map((name) => [name, { type: 'string' as const }]),
    ...switches.map((name) => [name, { type: 'boolean' as const }]),
    ['help', { type: 'boolean' as const, short: 'h' }],
  ])
  try {
    return parseArgs({ args: [...args], options }).values as Flags<Value, Switch>
  } catch (error) {
    throw new HerdError('USAGE', error instanceof Error ? error.message : String(error))
  }
}

/** Throws USAGE. */
export function readWholeNumber<Fallback>(
  name: string,
  text: string | undefined,
  { fallback, low, high }: { fallback: Fallback; low: number; high: number },
): number | Fallback {
  if (text === undefined) return fallback
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= low && value <= high) return value
  throw new HerdError('USAGE', `--${name} takes a whole number from ${low} to ${high}, not "${text}".`)
}

/** Null where nothing is said. Throws USAGE. */
export function readUrl(name: string, text: string | undefined): URL | null {
  if (text === undefined || text === '') return null
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && /^https?:$/.test(url.protocol)) return url
  throw new HerdError(
    'USAGE',
    `${name} takes an address like https://api.coingecko.com/api/v3, not "${text}".`,
  )
}
