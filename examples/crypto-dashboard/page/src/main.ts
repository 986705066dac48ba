import type { Frame } from './answers.js'
import { CandlesPanel } from './candles-panel.js'
import { connect } from './connection.js'
import { PortfolioPanel } from './portfolio-panel.js'
import { PricesPanel } from './prices-panel.js'
import { ReplicationPanel } from './replication-panel.js'
import { showStart } from './show-start.js'
import { VolumePanel } from './volume-panel.js'

const CANDLES_MS = 2000
const PORTFOLIO_MS = 5000
const VOLUME_MS = 10_000

const candles = new CandlesPanel()
const prices = new PricesPanel((coin) => candles.choose(coin))
const replication = new ReplicationPanel()
const portfolio = new PortfolioPanel()
const volume = new VolumePanel()

function show(frame: Frame): void {
  if (frame.market !== null) {
    prices.show(frame.market)
    portfolio.offer(frame.market.rows)
  }
  if (frame.replication !== null) replication.show(frame.replication)
}

/** Refreshes now and again while the page is seen. */
function keepRefreshing(panel: { refresh(): Promise<void> }, everyMs: number): void {
  void panel.refresh()
  setInterval(() => {
    if (!document.hidden) void panel.refresh()
  }, everyMs)
}

void showStart()
connect(show)
keepRefreshing(candles, CANDLES_MS)
keepRefreshing(portfolio, PORTFOLIO_MS)
keepRefreshing(volume, VOLUME_MS)
