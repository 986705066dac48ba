#!/usr/bin/env node
import { once } from 'node:events'
import { HerdError } from '@pgherd/core'
import { requireHerd } from './herd/find-herd.js'
import { openPool } from './open-pool.js'
import { Deliverer } from './outbox/deliverer.js'
import { postEvents } from './outbox/post-event.js'
import { readLogin } from './outbox/shard.js'
import { readFlags } from './read-flags.js'
import { runProgram, tell } from './run-program.js'

const HELP = `Delivers the events of all users, in order for each, beside whoever else does.

  npm run deliver -w examples/ecomarket -- --to URL [options]

  --to URL     where events are sent by POST
  --dsn DSN    a connection string of the home group, instead of the herd of users.yaml that runs here
  --help, -h   show this

Ctrl-C ends it once what is being sent has arrived. It may be killed at any time.
`

async function deliver(signal: AbortSignal): Promise<number> {
  const flags = readFlags(process.argv.slice(2), ['to', 'dsn'])
  if (flags.help) {
    process.stdout.write(HELP)
    return 0
  }
  if (flags.to === undefined || !URL.canParse(flags.to))
    throw new HerdError('USAGE', 'Say where to deliver to by --to URL.')
  const dsn = flags.dsn ?? (await requireHerd()).dsn
  await using pool = openPool(dsn)
  await using _deliverer = new Deliverer({ pool, login: readLogin(dsn), send: postEvents(flags.to), tell })
  tell('delivering')
  if (!signal.aborted) await once(signal, 'abort')
  return 0
}

await runProgram(deliver)
