/** A coin the dashboard follows. */
export interface Coin {
  symbol: string
  name: string
  /** What a source in CoinGecko's format calls it. */
  sourceId: string
  /** Where the simulated market begins, in dollars. */
  firstPrice: number
  /** About how much is traded in a second of the simulated market, in dollars. */
  usualVolume: number
}

export const COINS: readonly Coin[] = [
  coin('BTC', 'Bitcoin', 'bitcoin', 67_400, 350_000),
  coin('ETH', 'Ethereum', 'ethereum', 3480, 190_000),
  coin('SOL', 'Solana', 'solana', 152, 40_000),
  coin('BNB', 'BNB', 'binancecoin', 585, 18_000),
  coin('XRP', 'XRP', 'ripple', 0.58, 16_000),
  coin('DOGE', 'Dogecoin', 'dogecoin', 0.137, 14_000),
  coin('ADA', 'Cardano', 'cardano', 0.43, 5000),
  coin('AVAX', 'Avalanche', 'avalanche-2', 28.4, 4600),
  coin('LINK', 'Chainlink', 'chainlink', 13.9, 4300),
  coin('LTC', 'Litecoin', 'litecoin', 71.2, 4100),
  coin('DOT', 'Polkadot', 'polkadot', 6.1, 2600),
  coin('TRX', 'TRON', 'tron', 0.131, 2400),
]

function coin(symbol: string, name: string, sourceId: string, firstPrice: number, usualVolume: number): Coin {
  return { symbol, name, sourceId, firstPrice, usualVolume }
}
