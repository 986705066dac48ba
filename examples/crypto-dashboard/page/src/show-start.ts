import type { Status } from './answers.js'
import { ask } from './api.js'
import { the } from './elements.js'
import { count, dayAndClock } from './format.js'

/** Says in the header what this start found: a new herd, or one that carries on. */
export async function showStart(): Promise<void> {
  const place = the('#start')
  try {
    const { answer } = await ask<Status>('/api/status')
    place.textContent = `${describe(answer.start)} Prices come from ${answer.collector.source}.`
  } catch (error) {
    place.textContent = error instanceof Error ? error.message : String(error)
  }
}

function describe({ prices, since, standby, standbyLsn }: Status['start']): string {
  if (prices === 0 || since === null) return 'A first start.'
  const resumed = standbyLsn === null ? '' : `; standby ${standby} resumed at LSN ${standbyLsn}`
  return `Carrying on: ${count(prices)} prices since ${dayAndClock(since)}${resumed}.`
}
