import type { Frame } from './answers.js'
import { html, the } from './elements.js'
import { clock } from './format.js'

/** So long without a frame, and what is shown is called old. */
const SILENCE_MS = 4000

/** Hears a frame each second and says so when none comes. The browser connects again by itself. */
export function connect(onFrame: (frame: Frame) => void): void {
  const stream = new EventSource('/api/stream')
  let heardAt = performance.now()
  let last: Frame | null = null
  stream.addEventListener('frame', ({ data }) => {
    heardAt = performance.now()
    last = JSON.parse(data) as Frame
    say('live', 'live')
    showTroubles([...last.troubles, ...last.collector.troubles])
    onFrame(last)
  })
  const check = (): void => {
    if (performance.now() - heardAt < SILENCE_MS) return
    const shown = last === null ? '' : `; what is shown is of ${clock(last.at)}`
    say('lost', `no connection${shown}`)
    // A browser gives up for good when the answer was an error.
    if (stream.readyState !== EventSource.CLOSED) return
    clearInterval(timer)
    connect(onFrame)
  }
  const timer = setInterval(check, 1000)
}

function say(state: 'live' | 'lost', text: string): void {
  const place = the('#connection')
  the('main').toggleAttribute('data-old', state === 'lost')
  if (place.textContent === text) return
  place.dataset.state = state
  place.textContent = text
}

function showTroubles(troubles: readonly string[]): void {
  const place = the('#troubles')
  const text = troubles.join('\n')
  if (place.dataset.text === text) return
  place.dataset.text = text
  place.replaceChildren(...troubles.map((trouble) => html('p', {}, trouble)))
}
