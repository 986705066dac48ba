import type { Volume } from './answers.js'
import { ask } from './api.js'
import { offerChoices } from './choices.js'
import { html, svg, the } from './elements.js'
import * as format from './format.js'
import { showFailure, showFrom } from './show-from.js'

const WINDOWS = ['5m', '1h', '24h'] as const

/** What was traded of each coin, as bars. */
export class VolumePanel {
  readonly #panel = the('#volume')
  #window: (typeof WINDOWS)[number] = '1h'

  constructor() {
    offerChoices(this.#panel, WINDOWS, this.#window, (window) => {
      this.#window = window
      void this.refresh()
    })
  }

  async refresh(): Promise<void> {
    const window = this.#window
    try {
      const { answer, tookMs } = await ask<Volume>(`/api/volume?window=${window}`)
      if (window !== this.#window) return
      showFrom(this.#panel, answer, tookMs)
      this.#show(answer)
    } catch (error) {
      showFailure(this.#panel, error)
    }
  }

  #show({ volume, window }: Volume): void {
    const most = Math.max(...volume.map((coin) => coin.volume))
    const place = the('[data-body]', this.#panel)
    if (!(most > 0)) {
      place.replaceChildren(html('p', { class: 'empty' }, 'Nothing was traded yet.'))
      return
    }
    const lines = volume.map((coin) =>
      html(
        'tr',
        {},
        html('th', { scope: 'row' }, coin.coin),
        html('td', { class: 'measure' }, bar(coin.volume / most)),
        html('td', {}, format.roughDollars(coin.volume)),
      ),
    )
    place.replaceChildren(
      html(
        'table',
        {},
        html('caption', { class: 'unseen' }, `Dollars traded of each coin in ${window}, the most first`),
        html('tbody', {}, ...lines),
      ),
    )
  }
}

function bar(part: number): SVGElement {
  return svg(
    'svg',
    { 'aria-hidden': 'true', preserveAspectRatio: 'none', viewBox: '0 0 100 10' },
    svg('rect', { width: Math.max(0.4, part * 100), height: 10, rx: 1 }),
  )
}
