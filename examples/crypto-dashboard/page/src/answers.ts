// What the API answers; /docs describes it.

export interface From {
  node: string
  role: 'primary' | 'standby' | 'supervisor'
}

export interface Price {
  coin: string
  name: string
  price: number | null
  at: string | null
  volume: number | null
  priceBefore: number | null
}

export interface Candle {
  at: string
  open: number
  high: number
  low: number
  close: number
  volume: number
  prices: number
}

export interface Candles extends From {
  coin: string
  interval: string
  candles: Candle[]
}

export interface Volume extends From {
  window: string
  volume: { coin: string; volume: number }[]
}

export interface Trade {
  id: string
  at: string
  side: 'buy' | 'sell'
  coin: string
  quantity: number
  price: number
  total: number
}

export interface Portfolio extends From {
  cash: number
  holdings: { coin: string; quantity: number; cost: number; value: number | null }[]
  trades: Trade[]
}

export interface TradeMade extends From {
  trade: Trade
  session: string
}

export interface HerdNode {
  name: string
  role: 'primary' | 'standby' | 'none'
  state: string
  lsn: string | null
  lagBytes: number | null
  lagMs: number | null
  sync: string | null
}

export interface Replication extends From {
  epoch: number
  phase: string
  stalled: string | null
  nodes: HerdNode[]
}

export interface Probe extends From {
  writtenOn: string
  writtenAt: string
  writeMs: number
  appeared: boolean
  visibleAfterMs: number
  polls: number
}

export interface Collector {
  source: string
  state: string
  troubles: string[]
}

export interface Frame {
  at: string
  market: (From & { rows: Price[] }) | null
  replication: Replication | null
  collector: Collector
  troubles: string[]
}

export interface Status {
  start: {
    prices: number
    since: string | null
    standby: string | null
    standbyLsn: string | null
  }
  collector: Collector
}
