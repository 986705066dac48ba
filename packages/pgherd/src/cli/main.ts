import { ERROR_CATALOGUE, HerdError } from '@pgherd/core'
import { type Command, CommanderError } from 'commander'
import pc from 'picocolors'
import { buildProgram } from './program.js'

/** Runs the command line and sets the exit code: 0 done, 1 failed, 2 used wrongly. */
export async function main(argv: readonly string[]): Promise<void> {
  // A reader such as `head` may leave early: what nobody reads any more is no failure.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  const program = buildProgram()
  for (const command of withAllBelow(program)) command.exitOverride()
  try {
    await program.parseAsync(argv as string[], { from: 'user' })
  } catch (error) {
    process.exitCode = report(error, argv.includes('--json'))
  }
}

function withAllBelow(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withAllBelow)]
}

function report(error: unknown, json: boolean): number {
  // Commander has printed its own sentence already; help and version are not errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const known = error instanceof HerdError ? error : asBug(error)
  if (json) {
    console.error(JSON.stringify({ error: known.toJSON() }))
  } else {
    console.error(`${pc.red(known.code)}: ${known.message}`)
    if (known.hint !== undefined) console.error(pc.dim(known.hint))
  }
  return ERROR_CATALOGUE[known.code].exitCode
}

function asBug(error: unknown): HerdError {
  return new HerdError('INTERNAL', `This is a bug in pgherd. ${(error as Error)?.stack ?? String(error)}`, {
    cause: error,
  })
}
