/** One message of a `text/event-stream`. */
export interface StreamMessage {
  event: string
  id: string | null
  data: string
}

/**
 * Takes an event stream apart, in pieces of any size. EventSource is not used, since it cannot send the header
 * with the token. (WHATWG HTML, 9.2.6 "Interpreting an event stream"; `retry` is not needed.)
 */
export class SseParser {
  #rest = ''
  #event = ''
  #id: string | null = null
  #data: string[] = []

  /** The messages that this piece completes. */
  push(text: string): StreamMessage[] {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop() ?? ''
    return lines.flatMap((line) => this.#take(line))
  }

  #take(line: string): StreamMessage[] {
    if (line === '') return this.#finish()
    const colon = line.indexOf(':')
    if (colon === 0) return []
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.#event = value
    else if (field === 'data') this.#data.push(value)
    else if (field === 'id') this.#id = value
    return []
  }

  #finish(): StreamMessage[] {
    const message = { event: this.#event || 'message', id: this.#id, data: this.#data.join('\n') }
    const isEmpty = this.#data.length === 0
    this.#event = ''
    this.#id = null
    this.#data = []
    return isEmpty ? [] : [message]
  }
}
