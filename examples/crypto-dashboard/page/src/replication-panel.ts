import type { HerdNode, Probe, Replication } from './answers.js'
import { ask } from './api.js'
import { html, svg, the } from './elements.js'
import * as format from './format.js'
import { linear } from './scale.js'
import { showFrom } from './show-from.js'

const TRACE_SECONDS = 120
const PROBES_SHOWN = 5

/** The nodes with what flows between them, and test rows on their way. */
export class ReplicationPanel {
  readonly #panel = the('#replication')
  readonly #button = the<HTMLButtonElement>('[data-probe]', this.#panel)
  readonly #lags: number[] = []
  readonly #probes: (Probe | string)[] = []

  constructor() {
    this.#button.addEventListener('click', () => void this.#probe())
  }

  show(replication: Replication): void {
    showFrom(this.#panel, replication)
    const { nodes, epoch, phase, stalled } = replication
    const primary = nodes.filter(({ role }) => role === 'primary')
    const others = nodes.filter(({ role }) => role !== 'primary')
    this.#lags.push(Math.max(0, ...nodes.map(({ lagBytes }) => lagBytes ?? 0)))
    if (this.#lags.length > TRACE_SECONDS) this.#lags.shift()
    const facts = [`Epoch ${epoch}`, phase === 'steady' ? 'steady' : `in the middle of: ${phase}`]
    if (primary.length === 0) facts.push('no primary just now')
    the('[data-body]', this.#panel).replaceChildren(
      ...primary.map(drawNode),
      ...others.flatMap((node) => [drawFlow(node), drawNode(node)]),
      html(
        'p',
        { class: 'hint trace-title' },
        `Lag in the last two minutes: at most ${format.bytes(Math.max(...this.#lags))}`,
      ),
      drawTrace(this.#lags),
      html(
        'p',
        { class: 'hint' },
        `${facts.join(' · ')}${stalled === null ? '' : `. Commits wait: ${stalled}`}`,
      ),
    )
  }

  async #probe(): Promise<void> {
    this.#button.disabled = true
    try {
      const { answer } = await ask<Probe>('/api/replication/probe', { body: null })
      this.#probes.unshift(answer)
    } catch (error) {
      this.#probes.unshift(error instanceof Error ? error.message : String(error))
    } finally {
      this.#button.disabled = false
    }
    this.#probes.splice(PROBES_SHOWN)
    this.#showProbes()
  }

  #showProbes(): void {
    const lines = this.#probes.map((probe) =>
      typeof probe === 'string'
        ? html('tr', {}, html('td', { colspan: 4, class: 'failure sentence' }, probe))
        : html(
            'tr',
            {},
            html('th', { scope: 'row' }, `${probe.writtenOn} → ${probe.node}`),
            html('td', {}, format.milliseconds(probe.writeMs)),
            html('td', {}, probe.appeared ? format.milliseconds(probe.visibleAfterMs) : 'not in time'),
            html('td', {}, String(probe.polls)),
          ),
    )
    const heads = ['Test row', 'Written in', 'Seen after', 'Polls']
    the('[data-probes]', this.#panel).replaceChildren(
      html(
        'table',
        {},
        html('caption', { class: 'unseen' }, 'Test rows, the last first'),
        html('thead', {}, html('tr', {}, ...heads.map((head) => html('th', { scope: 'col' }, head)))),
        html('tbody', {}, ...lines),
      ),
    )
  }
}

function drawNode({ name, role, state, lsn, sync }: HerdNode): HTMLElement {
  const facts = [state, lsn === null ? null : `${role === 'standby' ? 'replayed' : 'written'} ${lsn}`]
  if (sync === 'quorum') facts.push('commits wait for it')
  return html(
    'div',
    { class: 'node', 'data-role': role },
    html(
      'p',
      { class: 'title' },
      name,
      html('span', { class: 'role', 'data-role': role }, role === 'none' ? 'out' : role),
    ),
    html('p', { class: 'facts' }, facts.filter((fact) => fact !== null).join(' · ')),
  )
}

function drawFlow({ role, lagBytes, lagMs }: HerdNode): HTMLElement {
  const isFlowing = role === 'standby' && lagBytes !== null
  const arrow = svg(
    'svg',
    { viewBox: '0 0 28 40', 'aria-hidden': 'true' },
    ...(isFlowing ? [svg('path', { d: 'M14 1V36' }), svg('path', { d: 'M7 30l7 8 7-8' })] : []),
  )
  const text = isFlowing
    ? html(
        'p',
        {},
        html('b', { 'data-lag': true }, format.bytes(lagBytes)),
        lagMs === null ? ' behind' : ` behind, ${format.milliseconds(lagMs)}`,
      )
    : html('p', { class: 'hint' }, 'nothing flows just now')
  return html('div', { class: 'flow', 'data-flowing': isFlowing }, arrow, text)
}

/** How far behind the standby was in the last two minutes. */
function drawTrace(lags: readonly number[]): SVGElement {
  const most = Math.max(1024, ...lags)
  const toX = linear([0, TRACE_SECONDS - 1], [0, 300])
  const toY = linear([0, most], [42, 3])
  const first = TRACE_SECONDS - lags.length
  const points = lags.map((lag, i) => `${toX(first + i).toFixed(1)},${toY(lag).toFixed(1)}`)
  return svg(
    'svg',
    {
      class: 'trace',
      'aria-hidden': 'true',
      viewBox: '0 0 300 44',
      preserveAspectRatio: 'none',
    },
    svg('polyline', { points: points.join(' '), 'vector-effect': 'non-scaling-stroke' }),
  )
}
