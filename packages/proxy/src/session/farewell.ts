import type net from 'node:net'

/** So long a client may take to read what it is told last. */
const LINGER_MS = 5000

/**
 * Says something last, if there is anything, and closes. What still comes is read and dropped: a connection closed with unread
 * bytes is reset, and the last words are lost with it.
 */
export function sayFarewell(socket: net.Socket, message?: Buffer): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  if (message === undefined) socket.end()
  else socket.end(message)
  socket.resume()
  const late = setTimeout(() => socket.destroy(), LINGER_MS)
  late.unref()
  socket.once('close', () => clearTimeout(late))
}
