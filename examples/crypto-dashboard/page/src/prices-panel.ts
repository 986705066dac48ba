import type { From, Price } from './answers.js'
import { html, the } from './elements.js'
import * as format from './format.js'
import { showFrom } from './show-from.js'

interface Row {
  line: HTMLTableRowElement
  pick: HTMLButtonElement
  price: HTMLTableCellElement
  change: HTMLTableCellElement
  last: number | null
}

/** The table of prices. A click on a coin chooses it for the candles. */
export class PricesPanel {
  readonly #panel = the('#prices')
  readonly #choose: (coin: Price) => void
  readonly #rows = new Map<string, Row>()
  #chosen: string | null = null

  constructor(choose: (coin: Price) => void) {
    this.#choose = choose
  }

  show(market: From & { rows: Price[] }): void {
    showFrom(this.#panel, market)
    if (market.rows.every(({ price }) => price === null)) {
      this.#rows.clear()
      the('[data-body]', this.#panel).replaceChildren(
        html('p', { class: 'empty' }, 'No prices yet. The first come within a second or two.'),
      )
      return
    }
    if (this.#rows.size === 0) this.#build(market.rows)
    for (const row of market.rows) this.#update(row)
    const first = market.rows[0]
    if (this.#chosen === null && first !== undefined) this.#pick(first)
  }

  #build(prices: Price[]): void {
    const body = html('tbody')
    for (const coin of prices) {
      const pick = html(
        'button',
        { type: 'button', class: 'pick', 'aria-pressed': 'false', click: () => this.#pick(coin) },
        html('b', {}, coin.coin),
        html('span', {}, coin.name),
      )
      const price = html('td')
      const change = html('td')
      const line = html('tr', {}, html('th', { scope: 'row' }, pick), price, change)
      this.#rows.set(coin.coin, { line, pick, price, change, last: null })
      body.append(line)
    }
    the('[data-body]', this.#panel).replaceChildren(
      html(
        'table',
        {},
        html(
          'caption',
          { class: 'unseen' },
          'The latest price of each coin in dollars; a coin can be chosen for the candles',
        ),
        html(
          'thead',
          {},
          html(
            'tr',
            {},
            html('th', { scope: 'col' }, 'Coin'),
            html('th', { scope: 'col' }, 'Price, $'),
            html('th', { scope: 'col' }, 'In an hour'),
          ),
        ),
        body,
      ),
    )
  }

  #update({ coin, price, priceBefore }: Price): void {
    const row = this.#rows.get(coin)
    if (row === undefined || price === null) return
    row.price.textContent = format.price(price)
    if (row.last !== null && row.last !== price) flash(row.price, price > row.last)
    row.last = price
    const change = priceBefore === null ? 0 : (price / priceBefore - 1) * 100
    row.change.className = change >= 0 ? 'up' : 'down'
    row.change.textContent = `${change >= 0 ? '▲' : '▼'} ${format.percent(change)}`
  }

  #pick(coin: Price): void {
    this.#chosen = coin.coin
    for (const [name, { pick }] of this.#rows) pick.setAttribute('aria-pressed', String(name === coin.coin))
    this.#choose(coin)
  }
}

/** Shows for a moment which way a price went. */
function flash(cell: HTMLElement, isUp: boolean): void {
  cell.classList.remove('flash-up', 'flash-down')
  // Reading the width has the browser see the class gone, so that the animation begins again.
  void cell.offsetWidth
  cell.classList.add(isUp ? 'flash-up' : 'flash-down')
}
