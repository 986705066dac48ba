import type { Candle, Candles, Price } from './answers.js'
import { ask } from './api.js'
import { offerChoices } from './choices.js'
import { type ChartShape, candleAt, drawCandles, drawChosen } from './draw-candles.js'
import { html, svg, the } from './elements.js'
import * as format from './format.js'
import { showFailure, showFrom } from './show-from.js'

const INTERVALS = { '1m': 60_000, '5m': 300_000, '1h': 3_600_000 }
type Interval = keyof typeof INTERVALS
const INTERVAL_NAMES = Object.keys(INTERVALS) as Interval[]
const NARROW = 560

/** Candles of the chosen coin, read anew with each `refresh()`. */
export class CandlesPanel {
  readonly #panel = the('#candles')
  readonly #readout = the('[data-readout]', this.#panel)
  readonly #chart = svg('svg', {
    class: 'chart',
    role: 'img',
    tabindex: 0,
    pointermove: (event) => this.#point(event as PointerEvent),
    pointerleave: () => this.#look(null),
    keydown: (event) => this.#step(event as KeyboardEvent),
  })
  #coin: Price | null = null
  #interval: Interval = '1m'
  #candles: readonly Candle[] = []
  #looked: Candle | null = null
  #asked = 0

  constructor() {
    offerChoices(this.#panel, INTERVAL_NAMES, this.#interval, (interval) => {
      this.#interval = interval
      void this.refresh()
    })
    new ResizeObserver(() => this.#draw()).observe(this.#panel)
  }

  choose(coin: Price): void {
    this.#coin = coin
    the('h2', this.#panel).textContent = `${coin.name} in candles`
    void this.refresh()
  }

  async refresh(): Promise<void> {
    if (this.#coin === null) return
    const turn = ++this.#asked
    const from = new Date(Date.now() - this.#slots() * INTERVALS[this.#interval]).toISOString()
    const query = new URLSearchParams({ coin: this.#coin.coin, interval: this.#interval, from })
    try {
      const { answer, tookMs } = await ask<Candles>(`/api/candles?${query}`)
      // Somebody has chosen something else meanwhile.
      if (turn !== this.#asked) return
      this.#candles = answer.candles
      showFrom(this.#panel, answer, tookMs)
      this.#draw()
    } catch (error) {
      if (turn === this.#asked) showFailure(this.#panel, error)
    }
  }

  #slots(): number {
    return this.#panel.clientWidth < NARROW ? 45 : 90
  }

  #shape(): ChartShape {
    const { clientWidth, clientHeight } = this.#chart
    return {
      width: clientWidth,
      height: clientHeight,
      intervalMs: INTERVALS[this.#interval],
      slots: this.#slots(),
    }
  }

  #draw(): void {
    const place = the('[data-body]', this.#panel)
    if (this.#coin === null) return
    if (this.#candles.length === 0) {
      place.replaceChildren(html('p', { class: 'empty' }, `No prices of ${this.#coin.name} in this time.`))
      this.#readout.textContent = ''
      return
    }
    if (this.#chart.parentNode !== place) place.replaceChildren(this.#chart)
    const shape = this.#shape()
    const looked = this.#candles.find(({ at }) => at === this.#looked?.at) ?? null
    const stripe = looked === null ? null : drawChosen(this.#candles, shape, looked)
    this.#chart.replaceChildren(...(stripe === null ? [] : [stripe]), ...drawCandles(this.#candles, shape))
    const candle = looked ?? (this.#candles.at(-1) as Candle)
    this.#readout.textContent = describe(candle, this.#interval)
    this.#chart.setAttribute(
      'aria-label',
      `${this.#candles.length} candles of ${this.#coin.name}. ${describe(candle, this.#interval)}. Arrow keys go from one to the next.`,
    )
  }

  #look(candle: Candle | null): void {
    if (candle?.at === this.#looked?.at) return
    this.#looked = candle
    this.#draw()
  }

  #point(event: PointerEvent): void {
    const x = event.clientX - this.#chart.getBoundingClientRect().left
    this.#look(candleAt(this.#candles, this.#shape(), x))
  }

  #step(event: KeyboardEvent): void {
    const by = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0
    if (by === 0) return
    event.preventDefault()
    const last = this.#candles.length - 1
    const at = this.#candles.findIndex((candle) => candle.at === this.#looked?.at)
    this.#look(this.#candles[Math.max(0, Math.min(last, (at === -1 ? last : at) + by))] ?? null)
  }
}

function describe({ at, open, high, low, close, volume, prices }: Candle, interval: Interval): string {
  const time = interval === '1h' ? format.dayAndClock(at) : format.clock(at).slice(0, 5)
  const [o, h, l, c] = [open, high, low, close].map(format.price)
  return `${time}  open ${o}  high ${h}  low ${l}  close ${c}  volume ${format.roughDollars(volume)}  ${prices} prices`
}
