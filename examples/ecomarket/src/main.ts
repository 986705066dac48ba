#!/usr/bin/env node
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { HerdError } from '@pgherd/core'
import { parseSpec } from '@pgherd/core/spec'
import { type Arguments, HELP, parseArguments } from './parse-arguments.js'
import { printReport } from './print-report.js'
import { isRight, type Report } from './report.js'
import { runMarketplace } from './run-marketplace.js'
import { keptFolder, temporaryFolder } from './state-folder.js'

const SPEC = fileURLToPath(new URL('../herd.yaml', import.meta.url))

/** Says what happens on standard error, so that standard output holds the account and nothing else. */
function tell(line: string): void {
  process.stderr.write(`${line}\n`)
}

async function main(): Promise<number> {
  const given = parseArguments(process.argv.slice(2))
  if (given.help) {
    process.stdout.write(HELP)
    return 0
  }
  const report = await run(given)
  process.stdout.write(given.json ? `${JSON.stringify(report, null, 2)}\n` : `\n${printReport(report)}`)
  return isRight(report) ? 0 : 1
}

async function run({ options, keep, json }: Arguments): Promise<Report> {
  const interruption = new AbortController()
  const onSignal = (): void => {
    tell(interruption.signal.aborted ? 'still stopping; the servers must be stopped first' : 'stopping')
    interruption.abort(new HerdError('INTERRUPTED', 'Interrupted before the first order.'))
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  const spec = parseSpec(await readFile(SPEC, 'utf8'), SPEC)
  const state = keep ? keptFolder() : await temporaryFolder()
  try {
    return await runMarketplace({
      spec,
      stateDir: state.path,
      options,
      signal: interruption.signal,
      tell: json ? () => {} : tell,
    })
  } finally {
    await state.remove()
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof HerdError)) throw error
  const hint = error.hint ?? (error.code === 'USAGE' ? 'The options are listed by --help.' : '')
  tell(`${error.message}\n${hint}`.trimEnd())
  process.exitCode = error.code === 'USAGE' ? 2 : 1
}
