import {
  cString,
  FROM_CLIENT,
  frame,
  makeDescribe,
  makeParse,
  makeQuery,
  SYNC,
} from '../src/protocol/client-messages.js'
import { FrameReader } from '../src/protocol/frame-reader.js'
import { ServerConnection } from '../src/server/server-connection.js'

/** Says messages as they are and keeps what is said back. */
export class RawClient {
  readonly connection: ServerConnection
  readonly #frames = new FrameReader(0x3fffffff)
  #heard: Buffer[] = []
  #wake: (() => void) | null = null
  closed = false

  private constructor(connection: ServerConnection) {
    this.connection = connection
    connection.socket.on('data', (chunk: Buffer) => {
      this.#frames.push(chunk)
      for (let message = this.#frames.next(); message !== null; message = this.#frames.next())
        this.#heard.push(Buffer.from(message))
      this.#wake?.()
    })
    connection.socket.on('close', () => {
      this.closed = true
      this.#wake?.()
    })
  }

  static async open(url: string, settings: Record<string, string> = {}): Promise<RawClient> {
    const { hostname, port, username, password, pathname } = new URL(url)
    const login = {
      user: decodeURIComponent(username),
      database: pathname.slice(1),
      credentials: { password: decodeURIComponent(password) },
      settings: new Map(Object.entries(settings)),
    }
    return new RawClient(await ServerConnection.open({ host: hostname, port: Number(port) }, login, 10_000))
  }

  send(...messages: Buffer[]): void {
    this.connection.socket.write(Buffer.concat(messages))
  }

  /** Everything up to the `count`th message of one of `types` from now on; what is there if the server leaves. */
  async hear(types: string, count = 1): Promise<Buffer[]> {
    for (;;) {
      let seen = 0
      for (const [at, message] of this.#heard.entries()) {
        if (!types.includes(String.fromCharCode(message[0] as number)) || ++seen < count) continue
        return this.#heard.splice(0, at + 1)
      }
      if (this.closed) return this.#heard.splice(0)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async ask(...messages: Buffer[]): Promise<Buffer[]> {
    this.send(...messages)
    return this.hear('Z')
  }

  end(): void {
    this.connection.destroy()
  }
}

// ---- what a client may say, in short

export const query = makeQuery
export const sync = SYNC
export const flush = Buffer.from([FROM_CLIENT.flush, 0, 0, 0, 4])

export function parse(name: string, text: string, types: number[] = []): Buffer {
  const bytes = Buffer.alloc(2 + 4 * types.length)
  bytes.writeInt16BE(types.length)
  for (const [at, type] of types.entries()) bytes.writeInt32BE(type, 2 + 4 * at)
  return makeParse(name, text, bytes)
}

export interface BindOptions {
  portal?: string
  /** 1: binary. */
  format?: 0 | 1
  resultFormat?: 0 | 1
}

export function bind(
  statement: string,
  values: (string | Buffer | null)[] = [],
  options: BindOptions = {},
): Buffer {
  const { portal = '', format = 0, resultFormat = 0 } = options
  const parts = [cString(portal), cString(statement), short(1), short(format), short(values.length)]
  for (const value of values) {
    if (value === null) parts.push(int(-1))
    else {
      const bytes = Buffer.from(value as string)
      parts.push(int(bytes.length), bytes)
    }
  }
  parts.push(short(1), short(resultFormat))
  return frame(FROM_CLIENT.bind, parts)
}

export const describe = makeDescribe

export function execute(portal = '', maxRows = 0): Buffer {
  return frame(FROM_CLIENT.execute, [cString(portal), int(maxRows)])
}

export function close(kind: 'S' | 'P', name: string): Buffer {
  return frame(FROM_CLIENT.close, [Buffer.from(kind), cString(name)])
}

export function copyData(text: string): Buffer {
  return frame(FROM_CLIENT.copyData, [Buffer.from(text)])
}

export const copyDone = frame(FROM_CLIENT.copyDone, [])

export function copyFail(why: string): Buffer {
  return frame(FROM_CLIENT.copyFail, [cString(why)])
}

export function functionCall(oid: number, values: string[]): Buffer {
  const parts = [int(oid), short(1), short(0), short(values.length)]
  for (const value of values) parts.push(int(Buffer.byteLength(value)), Buffer.from(value))
  return frame(FROM_CLIENT.functionCall, [...parts, short(0)])
}

function short(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** A client's first packet. */
export function startupPacket(parameters: Record<string, string>, major = 3, minor = 0): Buffer {
  const pairs = Object.entries(parameters).flat().map(cString)
  const body = Buffer.concat([int((major << 16) | minor), ...pairs, Buffer.from([0])])
  return Buffer.concat([int(body.length + 4), body])
}

/** For people, and for comparing: each message as its type and what is in it. */
export function readable(messages: readonly Buffer[]): string[] {
  return messages.map((message) => {
    const type = String.fromCharCode(message[0] as number)
    return `${type} ${message.subarray(5).toString('latin1').replaceAll('\0', '|')}`
  })
}
