import type { Coin } from '../coins.js'
import type { PriceSource, Quote, Reading } from './price-source.js'
import { normal, type Random, seededRandom } from './random.js'

/** How much livelier than usual a session of the market is. */
const SESSIONS = [0.4, 1, 1, 2.5]
/** A session ends with this chance each second: it lasts five minutes on average. */
const SESSION_ENDS = 1 / 300
/** Deviation of the logarithm of a price in one usual second. */
const USUAL_STEP = 0.00025
/** How much of a step is that of the whole market. */
const MARKET_SHARE = 0.6
/** Pulls prices back to where they began, so that a long run stays near real ones. */
const PULL = 0.00002
const PRICE_DIGITS = 7
const VOLUME_DIGITS = 6

export interface SimulationOptions {
  coins: readonly Coin[]
  seed: number
  /** Where each price goes on from, by symbol; coins that are not here begin at their first price. */
  from?: ReadonlyMap<string, number>
}

/**
 * A market that needs no network: each price is a geometric random walk, partly its own and partly that of the
 * whole market, which has calm and wild sessions. The same seed gives the same market.
 */
export class SimulatedSource implements PriceSource {
  readonly name = 'a simulated market'
  readonly #coins: readonly Coin[]
  readonly #random: Random
  readonly #prices: Map<string, number>
  #session = 1

  constructor({ coins, seed, from = new Map() }: SimulationOptions) {
    this.#coins = coins
    this.#random = seededRandom(seed)
    this.#prices = new Map(coins.map((coin) => [coin.symbol, from.get(coin.symbol) ?? coin.firstPrice]))
  }

  async read(): Promise<Reading> {
    return { quotes: this.nextSecond(), complaints: [] }
  }

  /** One second later. */
  nextSecond(): Quote[] {
    if (this.#random() < SESSION_ENDS)
      this.#session = SESSIONS[Math.floor(this.#random() * SESSIONS.length)] as number
    const market = normal(this.#random)
    return this.#coins.map((coin) => this.#step(coin, market))
  }

  #step(coin: Coin, market: number): Quote {
    const own = normal(this.#random)
    const direction = MARKET_SHARE * market + Math.sqrt(1 - MARKET_SHARE ** 2) * own
    const before = this.#prices.get(coin.symbol) as number
    const change = USUAL_STEP * this.#session * direction - PULL * Math.log(before / coin.firstPrice)
    const price = Number((before * Math.exp(change)).toPrecision(PRICE_DIGITS))
    this.#prices.set(coin.symbol, price)
    // More is traded when prices move.
    const bustle = this.#session * (0.5 + Math.abs(direction)) * Math.exp(0.4 * normal(this.#random))
    return {
      coin: coin.symbol,
      price,
      volume: Number((coin.usualVolume * bustle).toPrecision(VOLUME_DIGITS)),
    }
  }
}
