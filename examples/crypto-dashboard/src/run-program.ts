import { HerdError } from '@pgherd/core'

/** One line on standard error: standard output is for results. */
export function tell(line: string): void {
  process.stderr.write(`${line}\n`)
}

/**
 * Runs a program until it is done or is told to stop (SIGINT, SIGTERM, SIGHUP), and sets the exit code: 0 done, 1
 * failed, 2 used wrongly. What is known to go wrong is said in a sentence.
 */
export async function runProgram(program: (signal: AbortSignal) => Promise<number>): Promise<void> {
  const interruption = new AbortController()
  const onSignal = (): void => {
    tell(interruption.signal.aborted ? 'still stopping; the servers must be stopped first' : 'stopping')
    interruption.abort(new HerdError('INTERRUPTED', 'Interrupted.'))
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', onSignal)
  try {
    process.exitCode = await program(interruption.signal)
  } catch (error) {
    if (!(error instanceof HerdError)) throw error
    const hint = error.hint ?? (error.code === 'USAGE' ? 'The options are listed by --help.' : '')
    tell(`${error.message}\n${hint}`.trimEnd())
    process.exitCode = error.code === 'USAGE' ? 2 : 1
  }
}
