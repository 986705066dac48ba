import type { Coin } from '../coins.js'
import { parseMarkets } from './parse-markets.js'
import { type PriceSource, type Reading, SourceError } from './price-source.js'

const TIMEOUT_MS = 5000
const LARGEST_ANSWER_BYTES = 1024 * 1024

export interface HttpSourceOptions {
  coins: readonly Coin[]
  /** Where `/coins/markets` is, such as https://api.coingecko.com/api/v3. */
  baseUrl: URL
  timeoutMs?: number
}

/** Prices over HTTP, from CoinGecko or anything that answers in its format. */
export class HttpSource implements PriceSource {
  readonly name: string
  readonly #coins: readonly Coin[]
  readonly #url: URL
  readonly #timeoutMs: number

  constructor({ coins, baseUrl, timeoutMs = TIMEOUT_MS }: HttpSourceOptions) {
    this.name = baseUrl.host
    this.#coins = coins
    this.#timeoutMs = timeoutMs
    this.#url = new URL(`${baseUrl.href.replace(/\/$/, '')}/coins/markets`)
    this.#url.searchParams.set('vs_currency', 'usd')
    this.#url.searchParams.set('ids', coins.map((coin) => coin.sourceId).join(','))
    this.#url.searchParams.set('per_page', String(coins.length))
  }

  async read(_atMs: number, signal: AbortSignal): Promise<Reading> {
    const timeout = AbortSignal.timeout(this.#timeoutMs)
    try {
      const response = await fetch(this.#url, {
        headers: { accept: 'application/json' },
        signal: AbortSignal.any([signal, timeout]),
      })
      const text = await this.#readBody(response)
      if (!response.ok) throw refusal(this.name, response)
      return parseMarkets(parseJson(this.name, text), this.#coins)
    } catch (error) {
      if (error instanceof SourceError) throw error
      if (timeout.aborted)
        throw new SourceError(`${this.name} gave no answer within ${this.#timeoutMs / 1000} s.`)
      throw new SourceError(`${this.name} cannot be reached.`, { cause: error })
    }
  }

  async #readBody(response: Response): Promise<string> {
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of response.body ?? []) {
      bytes += chunk.byteLength
      if (bytes > LARGEST_ANSWER_BYTES) throw new SourceError(`${this.name} answered more than 1 MB.`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString('utf8')
  }
}

function refusal(name: string, response: Response): SourceError {
  const retryAfterMs = readRetryAfter(response.headers.get('retry-after'))
  return response.status === 429
    ? new SourceError(`${name} is asked too often (429).`, { retryAfterMs })
    : new SourceError(`${name} refused with status ${response.status}.`, { retryAfterMs })
}

/** Seconds only; the other form of the header, a date, is left to the collector's own back-off. */
function readRetryAfter(header: string | null): number | null {
  return header !== null && /^\d{1,5}$/.test(header) ? Number(header) * 1000 : null
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new SourceError(`${name} answered something that is no JSON.`, { cause })
  }
}
