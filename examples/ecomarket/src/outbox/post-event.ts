import type { Send } from './deliver-heads.js'

const PATIENCE_MS = 5000

/** Sends events by POST as JSON; anything but 2xx means that it is sent again. */
export function postEvents(url: string): Send {
  return async (event) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(event),
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    await response.body?.cancel()
    if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  }
}
