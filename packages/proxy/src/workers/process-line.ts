import type { ChildProcess } from 'node:child_process'
import type net from 'node:net'

/** What one process lets another do, as an interface whose every method may be called from afar. */
type Methods<Of> = { readonly [Method in keyof Of]: (...args: never[]) => unknown }

type Message =
  | { readonly kind: 'call'; readonly id: number; readonly method: string; readonly args: unknown[] }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string }

interface Call {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** A child process, or the way to the parent. */
export type Channel = Pick<ChildProcess, 'send' | 'on'>

/** Calls methods of another process over the channel to it, and answers those that are called from there. */
export class ProcessLine<There extends Methods<There>> {
  readonly #channel: Channel
  readonly #here: object
  readonly #calls = new Map<number, Call>()
  #lastId = 0
  #closed: Error | null = null

  constructor(channel: Channel, here: object) {
    this.#channel = channel
    this.#here = here
    channel.on('message', (message, handle) => void this.#take(message as Message, handle))
  }

  /** Rejects with what the other side threw, as a message alone, and when it is gone. */
  ask<Method extends keyof There & string>(
    method: Method,
    ...args: Parameters<There[Method]>
  ): Promise<Awaited<ReturnType<There[Method]>>> {
    return this.#call(method, args)
  }

  /** As `ask`, but it rejects after so long. */
  async askWithin<Method extends keyof There & string>(
    timeoutMs: number,
    method: Method,
    ...args: Parameters<There[Method]>
  ): Promise<Awaited<ReturnType<There[Method]>>> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    })
    try {
      return await Promise.race([this.#call<Awaited<ReturnType<There[Method]>>>(method, args), late])
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * Calls a method with a socket, which belongs to the other process from then on. When that dies on the way the
   * connection is closed, which Node.js, left to itself, does not always do.
   */
  async hand(method: keyof There & string, socket: net.Socket): Promise<void> {
    try {
      await this.#call(method, [], socket)
    } finally {
      // Only this process's hold on it.
      socket.destroy()
    }
  }

  /** The other process is gone: whoever waits for it hears why. */
  close(why: Error): void {
    this.#closed = why
    for (const { reject } of this.#calls.values()) reject(why)
    this.#calls.clear()
  }

  #call<Value>(method: string, args: unknown[], socket?: net.Socket): Promise<Value> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== null) throw this.#closed
      const id = ++this.#lastId
      this.#calls.set(id, { resolve: resolve as Call['resolve'], reject })
      try {
        this.#send({ kind: 'call', id, method, args }, socket, (error) => this.#end(id)?.reject(error))
      } catch (error) {
        this.#calls.delete(id)
        throw error
      }
    })
  }

  #send(message: Message, socket: net.Socket | undefined, failed: (error: Error) => void): void {
    this.#channel.send(message, socket, { keepOpen: true }, (error) => {
      if (error !== null) failed(error)
    })
  }

  async #take(message: Message, handle: unknown): Promise<void> {
    if (message.kind === 'answer') this.#end(message.id)?.resolve(message.value)
    else if (message.kind === 'failed') this.#end(message.id)?.reject(new Error(message.message))
    else {
      const { id, method, args } = message
      let reply: Message
      try {
        const called = (this.#here as Record<string, (...args: unknown[]) => unknown>)[method]
        if (called === undefined) throw new Error(`there is no ${method} here`)
        // A socket whose client left on the way does not arrive.
        const value = await called.apply(this.#here, handle === undefined ? args : [...args, handle])
        reply = { kind: 'answer', id, value }
      } catch (error) {
        reply = { kind: 'failed', id, message: (error as Error).message }
      }
      // Who asked may be gone by now.
      if (this.#closed === null) this.#send(reply, undefined, () => {})
    }
  }

  #end(id: number): Call | undefined {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    return call
  }
}
