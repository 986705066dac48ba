import { connect, createServer, type Socket } from 'node:net'

/** Passes connections on to a server and cuts the first one that comes to a statement. */
export interface CuttingRelay {
  port: number
  close(): Promise<void>
}

/**
 * When the bytes of `statement` come by on a connection that has seen those of `following`: `before` drops
 * them, `after` cuts the server's answer off.
 */
export interface Cut {
  following: string
  statement: string
  when: 'before' | 'after'
}

/** Listens on a free port of this machine. What goes over it must not be encrypted. */
export async function openCuttingRelay(
  target: { host: string; port: number },
  cut: Cut,
): Promise<CuttingRelay> {
  const sockets = new Set<Socket>()
  let isCut = false
  const server = createServer((near) => {
    const far = connect(target.port, target.host)
    let answersPass = true
    let followed = false
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
    }
    near.on('data', (bytes) => {
      followed ||= bytes.includes(cut.following)
      const isReached = !isCut && followed && bytes.includes(cut.statement)
      isCut ||= isReached
      if (isReached && cut.when === 'before') {
        near.destroy()
        far.destroy()
        return
      }
      if (isReached) answersPass = false
      far.write(bytes)
    })
    far.on('data', (bytes) => {
      if (answersPass) near.write(bytes)
      else near.destroy()
    })
    near.on('close', () => far.end())
    far.on('close', () => near.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The relay has no port.')
  return {
    port: address.port,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
