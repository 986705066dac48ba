#!/usr/bin/env node
import { stopHerd, USUAL_STATE } from './herd/pgherd-herd.js'
import { stopService } from './herd/stop-service.js'
import { readFlags } from './read-flags.js'
import { runProgram, tell } from './run-program.js'

const HELP = `Stops the dashboard and its herd; the data stays.

  npm run stop -w examples/crypto-dashboard -- [options]

  --state DIR  where the herd is, instead of .pgherd beside herd.yaml
  --help, -h   show this
`

async function stop(): Promise<number> {
  const flags = readFlags(process.argv.slice(2), ['state'])
  if (flags.help) {
    process.stdout.write(HELP)
    return 0
  }
  const stateDir = flags.state ?? USUAL_STATE
  await stopService(stateDir)
  const isThere = await stopHerd(stateDir)
  tell(isThere ? 'stopped; the data stays, and "npm start" carries on with it' : 'there is nothing to stop')
  return 0
}

await runProgram(stop)
