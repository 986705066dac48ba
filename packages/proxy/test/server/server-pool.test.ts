import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { makeError, readyForQuery } from '../../src/protocol/server-messages.js'
import type { OwnServer } from '../../src/server/own-server.js'
import type { ServerConnection } from '../../src/server/server-connection.js'
import { ServerPool } from '../../src/server/server-pool.js'
import { SessionSettings } from '../../src/session/session-settings.js'
import type { VirtualStatement } from '../../src/session/virtual-statement.js'

/** A connection to nobody: what is said on it is lost, and what it hears comes from the test. */
class SilentSocket extends EventEmitter {
  write(): boolean {
    return true
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

const ENDING = makeError({ severity: 'FATAL', code: '57P01', message: 'terminating connection' })

/** A pool of one connection, and what became of somebody who wants it with settings of their own. */
function poolWith(socket: SilentSocket): ServerPool {
  const connection = {
    socket,
    parameters: new Map(),
    processId: 1,
    isStandby: false,
    end: () => {},
    destroy: () => {},
  } as unknown as ServerConnection
  return new ServerPool(
    async () => connection,
    () => 1,
  )
}

test.each([
  ['', false],
  [' with statements to be forgotten first', true],
])('a server that ends as it is made ready%s is handed to nobody', async (_, hasPrepared) => {
  const socket = new SilentSocket()
  const pool = poolWith(socket)
  const first = await new Promise<OwnServer>((resolve, reject) => {
    pool.take(SessionSettings.NONE, resolve, reject)
  })
  if (hasPrepared) first.prepared.add({ name: 'pgherd_1' } as VirtualStatement)
  pool.giveBack(first)
  const wanted = SessionSettings.NONE.after(
    { kind: 'set', name: 'timezone', text: `set timezone = 'UTC'` },
    SessionSettings.NONE,
  )
  const outcome = new Promise<string>((resolve) => {
    pool.take(
      wanted,
      () => resolve('taken'),
      (error) => resolve(error.message),
    )
  })
  socket.emit('data', Buffer.concat([readyForQuery('I'), ENDING]))
  expect(await outcome).toContain('settings of the session could not be made')
})
