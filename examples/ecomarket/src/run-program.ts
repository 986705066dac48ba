import { parseArgs } from 'node:util'
import { HerdError } from '@pgherd/core'

/** One line on standard error: standard output is for results. */
export function tell(line: string): void {
  process.stderr.write(`${line}\n`)
}

/**
 * Runs a program until it is done or is told to stop (SIGINT, SIGTERM), and sets the exit code: 0 done, 1
 * failed, 2 used wrongly. What is known to go wrong is said in a sentence.
 */
export async function runProgram(program: (signal: AbortSignal) => Promise<number>): Promise<void> {
  const interruption = new AbortController()
  const onSignal = (): void => {
    tell(interruption.signal.aborted ? 'still stopping; the servers must be stopped first' : 'stopping')
    interruption.abort(new HerdError('INTERRUPTED', 'Interrupted.'))
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  try {
    process.exitCode = await program(interruption.signal)
  } catch (error) {
    if (!(error instanceof HerdError)) throw error
    const hint = error.hint ?? (error.code === 'USAGE' ? 'The options are listed by --help.' : '')
    tell(`${error.message}\n${hint}`.trimEnd())
    process.exitCode = error.code === 'USAGE' ? 2 : 1
  }
}

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
