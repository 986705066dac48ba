import type { From } from './answers.js'
import { html, the } from './elements.js'
import { milliseconds } from './format.js'

/** Says in a panel's corner which node its answer came from. */
export function showFrom(panel: HTMLElement, { node, role }: From, tookMs: number | null = null): void {
  const took = tookMs === null ? '' : ` in ${milliseconds(Math.round(tookMs))}`
  the('[data-from]', panel).replaceChildren(
    'from ',
    html('span', { class: 'role', 'data-role': role }, `${node} · ${role}`),
    took,
  )
}

/** Says in a panel what went wrong, and leaves what it shows as it is. */
export function showFailure(panel: HTMLElement, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  the('[data-from]', panel).replaceChildren(html('span', { class: 'failure' }, message))
}
