import type { Coin } from '../coins.js'
import { type Quote, type Reading, SourceError } from './price-source.js'

const SECONDS_A_DAY = 86_400
/** Above this no coin has ever been; a number like 1e300 is a fault of the source. */
const HIGHEST = 1e12

/**
 * Takes what CoinGecko's `/coins/markets` answers apart. What is wrong with one coin leaves that coin out and is
 * complained about; the others count. Throws SourceError when it is no such answer at all.
 *
 * The source tells what was traded in 24 hours; a second is given its 86,400th part of that.
 */
export function parseMarkets(body: unknown, coins: readonly Coin[]): Reading {
  if (!Array.isArray(body)) throw new SourceError('The source answered something else than a list of coins.')
  const byId = new Map(body.filter(isRecord).map((entry) => [entry.id, entry]))
  const quotes: Quote[] = []
  const complaints: string[] = []
  for (const coin of coins) {
    const entry = byId.get(coin.sourceId)
    const read = entry === undefined ? 'is missing' : readQuote(coin, entry)
    if (typeof read === 'string') complaints.push(`${coin.symbol} ${read}.`)
    else quotes.push(read)
  }
  if (quotes.length === 0) throw new SourceError('The source gave a usable price for none of the coins.')
  return { quotes, complaints }
}

/** A quote, or what is wrong with it. */
function readQuote(coin: Coin, { current_price, total_volume }: Record<string, unknown>): Quote | string {
  if (!isFiniteNumber(current_price)) return 'has no price'
  if (current_price <= 0 || current_price > HIGHEST) return `has an impossible price, ${current_price}`
  const daily = total_volume ?? 0
  if (!isFiniteNumber(daily) || daily < 0) return 'has an impossible volume'
  return { coin: coin.symbol, price: current_price, volume: Number((daily / SECONDS_A_DAY).toFixed(2)) }
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
