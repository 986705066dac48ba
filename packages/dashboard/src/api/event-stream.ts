import type { Problem } from '@pgherd/core/api'
import { ApiError, problemOf } from './api-error.js'
import { send } from './request.js'
import { SseParser, type StreamMessage } from './sse-parser.js'

/** A sample comes each second: a stream that says nothing for so long is as good as gone. */
const SILENCE_MS = 4000
const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 4000

export interface StreamListener {
  onOpen: () => void
  onMessages: (messages: StreamMessage[]) => void
  onLost: (problem: Problem) => void
}

/**
 * The one connection on which the herd tells of itself. It comes back by itself, with what was seen last, so
 * that no event is missed; where a token is needed it waits to be told to try again.
 */
export class EventStream {
  readonly #listener: StreamListener
  #lastEventId: string | null = null
  #attempt = new AbortController()
  #retry: ReturnType<typeof setTimeout> | undefined
  #waitMs = FIRST_WAIT_MS
  #isClosed = false

  constructor(listener: StreamListener) {
    this.#listener = listener
  }

  /** Connects now, whatever it was doing. */
  connect(): void {
    clearTimeout(this.#retry)
    this.#attempt.abort()
    this.#attempt = new AbortController()
    const { signal } = this.#attempt
    this.#read(this.#attempt).then(
      () => this.#lost(signal, new Error('The connection was closed.')),
      (error: unknown) => this.#lost(signal, error),
    )
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#retry)
    this.#attempt.abort()
  }

  async #read(attempt: AbortController): Promise<void> {
    let isSilent = false
    const giveUp = () => {
      isSilent = true
      attempt.abort()
    }
    let watchdog = setTimeout(giveUp, SILENCE_MS)
    try {
      const response = await send('v1/events', { headers: this.#headers(), signal: attempt.signal })
      this.#waitMs = FIRST_WAIT_MS
      this.#listener.onOpen()
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
      const parser = new SseParser()
      for (;;) {
        const piece = await reader?.read()
        clearTimeout(watchdog)
        if (piece === undefined || piece.done) return
        watchdog = setTimeout(giveUp, SILENCE_MS)
        this.#hand(parser.push(piece.value))
      }
    } catch (error) {
      if (isSilent) throw new Error('Nothing was heard for some seconds.')
      throw error
    } finally {
      clearTimeout(watchdog)
    }
  }

  #headers(): Record<string, string> {
    const accept = { accept: 'text/event-stream' }
    return this.#lastEventId === null ? accept : { ...accept, 'last-event-id': this.#lastEventId }
  }

  #hand(messages: StreamMessage[]): void {
    for (const { id } of messages) if (id !== null && id !== '') this.#lastEventId = id
    if (messages.length > 0) this.#listener.onMessages(messages)
  }

  #lost(signal: AbortSignal, error: unknown): void {
    // A newer attempt took its place.
    if (this.#isClosed || signal !== this.#attempt.signal) return
    this.#listener.onLost(problemOf(error))
    if (error instanceof ApiError && error.needsToken) return
    this.#retry = setTimeout(() => this.connect(), this.#waitMs)
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS)
  }
}
