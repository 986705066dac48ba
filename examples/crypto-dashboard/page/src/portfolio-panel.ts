import type { Portfolio, Price, Trade, TradeMade } from './answers.js'
import { ask } from './api.js'
import { html, the } from './elements.js'
import * as format from './format.js'
import { showFailure, showFrom } from './show-from.js'

/** Cash and coins, and a form to trade. */
export class PortfolioPanel {
  readonly #panel = the('#portfolio')
  readonly #form = the<HTMLFormElement>('[data-trade]', this.#panel)
  readonly #coin = the<HTMLSelectElement>('select', this.#panel)
  readonly #answer = the('[data-answer]', this.#panel)
  /** What the standby must have before it may show us our own trades. */
  #session: string | null = null

  constructor() {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      const { submitter } = event as SubmitEvent
      void this.#trade((submitter as HTMLButtonElement | null)?.value === 'sell' ? 'sell' : 'buy')
    })
  }

  offer(prices: readonly Price[]): void {
    if (this.#coin.options.length > 0) return
    this.#coin.append(...prices.map(({ coin, name }) => html('option', { value: coin }, `${coin} ${name}`)))
  }

  async refresh(): Promise<void> {
    try {
      const { answer, tookMs } = await ask<Portfolio>('/api/portfolio', { headers: this.#headers() })
      showFrom(this.#panel, answer, tookMs)
      this.#show(answer)
    } catch (error) {
      showFailure(this.#panel, error)
    }
  }

  async #trade(side: 'buy' | 'sell'): Promise<void> {
    const fields = new FormData(this.#form)
    const quantity = String(fields.get('quantity')).trim()
    if (!/^(?=.*[1-9])\d{1,9}(\.\d{1,8})?$/.test(quantity)) {
      this.#say('The quantity is a number above 0 with at most 8 decimals, such as 0.25.', true)
      return
    }
    const buttons = [...this.#form.querySelectorAll('button')]
    for (const button of buttons) button.disabled = true
    try {
      const body = { id: crypto.randomUUID(), side, coin: String(fields.get('coin')), quantity }
      const { answer } = await ask<TradeMade>('/api/portfolio/trades', { body, headers: this.#headers() })
      this.#session = answer.session
      const verb = side === 'buy' ? 'Bought' : 'Sold'
      const { trade, node } = answer
      this.#say(
        `${verb} ${format.quantity(trade.quantity)} ${trade.coin} for ${format.dollars(trade.total)}; written on ${node}.`,
        false,
      )
      await this.refresh()
    } catch (error) {
      this.#say(error instanceof Error ? error.message : String(error), true)
    } finally {
      for (const button of buttons) button.disabled = false
    }
  }

  #headers(): Record<string, string> {
    return this.#session === null ? {} : { 'x-session': this.#session }
  }

  #say(text: string, isWrong: boolean): void {
    this.#answer.textContent = text
    this.#answer.classList.toggle('failure', isWrong)
  }

  #show({ cash, holdings, trades }: Portfolio): void {
    const worth = holdings.reduce((sum, { value }) => sum + (value ?? 0), 0)
    const gain = holdings.reduce((sum, { value, cost }) => sum + (value ?? cost) - cost, 0)
    const sums = [
      ['Cash', format.dollars(cash), ''],
      ['Coins', format.dollars(worth), ''],
      ['Gain on coins', format.dollars(gain), gain < 0 ? 'down' : 'up'],
    ] as const
    the('[data-body]', this.#panel).replaceChildren(
      html(
        'dl',
        { class: 'sums' },
        ...sums.map(([name, value, tone]) =>
          html('div', {}, html('dt', {}, name), html('dd', { class: tone }, value)),
        ),
      ),
      html('div', { class: 'tables' }, holdingsTable(holdings), tradesTable(trades)),
    )
  }
}

function holdingsTable(holdings: Portfolio['holdings']): HTMLElement {
  if (holdings.length === 0) return html('p', { class: 'empty' }, 'No coins yet. Buy some.')
  const lines = holdings.map(({ coin, quantity, cost, value }) => {
    const gain = value === null ? null : value - cost
    return [
      coin,
      format.quantity(quantity),
      value === null ? '–' : format.dollars(value),
      gain === null ? '–' : `${gain < 0 ? '▼' : '▲'} ${format.dollars(Math.abs(gain))}`,
    ]
  })
  return table('What is held', ['Coin', 'Quantity', 'Worth', 'Gain'], lines)
}

function tradesTable(trades: readonly Trade[]): HTMLElement {
  if (trades.length === 0) return html('p', { class: 'empty' }, 'No trades yet.')
  const lines = trades.map(({ at, side, coin, quantity, total }) => [
    format.clock(at),
    `${side === 'buy' ? 'bought' : 'sold'} ${format.quantity(quantity)} ${coin}`,
    format.dollars(total),
  ])
  return table('The last trades', ['Time', 'Trade', 'For'], lines)
}

function table(caption: string, heads: string[], lines: string[][]): HTMLElement {
  return html(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    html(
      'table',
      {},
      html('caption', {}, caption),
      html('thead', {}, html('tr', {}, ...heads.map((head) => html('th', { scope: 'col' }, head)))),
      html(
        'tbody',
        {},
        ...lines.map((cells) => html('tr', {}, ...cells.map((cell) => html('td', {}, cell)))),
      ),
    ),
  )
}
