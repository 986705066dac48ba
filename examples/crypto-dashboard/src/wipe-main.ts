#!/usr/bin/env node
import { createInterface } from 'node:readline/promises'
import { HerdError } from '@pgherd/core'
import { describeData, destroyHerd, USUAL_STATE } from './herd/pgherd-herd.js'
import { stopService } from './herd/stop-service.js'
import { readFlags } from './read-flags.js'
import { runProgram, tell } from './run-program.js'

const HELP = `Stops the dashboard and deletes its data, after you have said so.

  npm run wipe -w examples/crypto-dashboard -- [options]

  --yes        delete without asking
  --state DIR  where the herd is, instead of .pgherd beside herd.yaml
  --help, -h   show this
`

/** What has to be typed. */
const WORD = 'wipe'

async function wipe(signal: AbortSignal): Promise<number> {
  const flags = readFlags(process.argv.slice(2), ['state'], ['yes'])
  if (flags.help) {
    process.stdout.write(HELP)
    return 0
  }
  const stateDir = flags.state ?? USUAL_STATE
  const what = await describeData(stateDir)
  if (what === null) {
    tell('there is nothing to wipe')
    return 0
  }
  if (!flags.yes && !(await isConfirmed(what, signal))) {
    tell('nothing was deleted')
    return 1
  }
  await stopService(stateDir)
  await destroyHerd(stateDir)
  tell('wiped; "npm start" begins anew')
  return 0
}

async function isConfirmed(what: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new HerdError('CONFIRMATION_NEEDED', `This deletes ${what}.`, { hint: 'Say so with --yes.' })
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await terminal.question(`This deletes ${what}.\nType ${WORD} to go on: `, { signal })
    return answer.trim() === WORD
  } catch {
    return false
  } finally {
    terminal.close()
  }
}

await runProgram(wipe)
