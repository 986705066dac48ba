#!/usr/bin/env node
import { once } from 'node:events'
import { HerdError } from '@pgherd/core'
import { findHerd } from './herd/find-herd.js'
import { buildService } from './http/build-service.js'
import { openPool } from './open-pool.js'
import { Deliverer } from './outbox/deliverer.js'
import { postEvents } from './outbox/post-event.js'
import { readLogin } from './outbox/shard.js'
import { readFlags, readWholeNumber } from './read-flags.js'
import { runProgram, tell } from './run-program.js'
import { loadUsersHerd } from './users/load-users-herd.js'

const HELP = `Serves users over HTTP, from a herd of four shards, and delivers what happens to them in order.

  npm run users -w examples/ecomarket -- [options]

  --port N      where to listen, on 127.0.0.1 (8080)
  --deliver-to  where events are sent by POST; by itself the service takes them, at /events
  --state DIR   where the herd is, instead of .pgherd beside users.yaml
  --help, -h    show this

The herd is the one that "pgherd up users.yaml" made; where none runs, it is started, and stopped at the end
with its data kept. Ctrl-C ends the service.
`

/** An answer may be that the shard is down; nobody waits longer for it. */
const PATIENCE_MS = 3000

async function serve(signal: AbortSignal): Promise<number> {
  const flags = readFlags(process.argv.slice(2), ['port', 'deliver-to', 'state'])
  if (flags.help) {
    process.stdout.write(HELP)
    return 0
  }
  const port = readWholeNumber('port', flags.port, { fallback: 8080, low: 1, high: 65_535 })
  const herd = await findHerd({ stateDir: flags.state ?? null, data: 'keep', tell })
  try {
    await using pool = openPool(herd.dsn, { patienceMs: PATIENCE_MS })
    if (await loadUsersHerd(pool)) tell('tables, products and stock are made')
    const service = await buildService({ pool, log: true })
    try {
      const address = await service.listen({ port, host: '127.0.0.1' }).catch(refuseTakenPort)
      const send = postEvents(flags['deliver-to'] ?? `${address}/events`)
      await using _deliverer = new Deliverer({ pool, login: readLogin(herd.dsn), send, tell })
      tell(`the users service is at ${address}, described at ${address}/docs`)
      if (!signal.aborted) await once(signal, 'abort')
    } finally {
      await service.close()
    }
  } finally {
    await herd.close()
  }
  return 0
}

function refuseTakenPort(error: NodeJS.ErrnoException): never {
  if (error.code !== 'EADDRINUSE') throw error
  throw new HerdError('PORT_TAKEN', error.message, { hint: 'Choose another one by --port N.' })
}

await runProgram(serve)
