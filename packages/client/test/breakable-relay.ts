import { connect, createServer, type Socket } from 'node:net'
import { afterEach } from 'vitest'

/** Passes connections on to a server, until it is told to break them where it matters. */
export interface BreakableRelay {
  readonly port: number
  /** Connections that are open now. */
  readonly open: number
  /** Connections that were ever made. */
  readonly made: number
  /** What passed from clients to the server, as text, since the relay was opened. */
  readonly sent: string
  /**
   * Breaks connections on which these bytes come by: `before` the server has them, or `after` it has them
   * and answers. `times`: how many of them (1). Resolves when it has happened that often.
   */
  cut(bytes: string, when: 'before' | 'after', times?: number): Promise<void>
  /** Keeps what the server says from clients, its goodbye too, until what it returns is called. */
  hold(): () => void
  close(): Promise<void>
}

interface Cut {
  readonly bytes: string
  readonly when: 'before' | 'after'
  left: number
  readonly done: () => void
}

const relays: BreakableRelay[] = []

afterEach(async () => {
  for (const relay of relays.splice(0)) await relay.close()
})

/** Listens on a free port of this machine until the test is over. What goes over it must not be encrypted. */
export async function openBreakableRelay(target: { host: string; port: number }): Promise<BreakableRelay> {
  const sockets = new Set<Socket>()
  const cuts = new Set<Cut>()
  const nears = new Set<Socket>()
  let [sent, made, held] = ['', 0, false]
  const kept: (() => void)[] = []

  const cutFor = (bytes: Buffer): Cut | undefined => {
    const cut = [...cuts].find((each) => bytes.includes(each.bytes))
    if (cut !== undefined && --cut.left === 0) cuts.delete(cut)
    return cut
  }

  const server = createServer((near) => {
    const far = connect(target.port, target.host)
    made++
    nears.add(near)
    let waiting: Cut | null = null
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.once('close', () => sockets.delete(socket))
    }
    near.on('data', (bytes) => {
      sent += bytes.toString('latin1')
      const cut = cutFor(bytes)
      if (cut?.when === 'before') {
        near.destroy()
        far.destroy()
        cut.done()
        return
      }
      if (cut !== undefined) waiting = cut
      far.write(bytes)
    })
    far.on('data', (bytes) => {
      if (waiting !== null) {
        near.destroy()
        waiting.done()
        waiting = null
      } else if (held) kept.push(() => near.write(bytes))
      else near.write(bytes)
    })
    near.on('close', () => {
      nears.delete(near)
      far.end()
    })
    far.on('close', () => {
      if (held) kept.push(() => near.end())
      else near.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The relay has no port.')
  const relay: BreakableRelay = {
    port: address.port,
    get open() {
      return nears.size
    },
    get made() {
      return made
    },
    get sent() {
      return sent
    },
    cut: (bytes, when, times = 1) =>
      new Promise((resolve) => {
        let happened = 0
        const done = (): void => {
          if (++happened === times) resolve()
        }
        cuts.add({ bytes, when, left: times, done })
      }),
    hold() {
      held = true
      return () => {
        held = false
        for (const pass of kept.splice(0)) pass()
      }
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  relays.push(relay)
  return relay
}
