import type { HerdEvent } from '@pgherd/cluster'
import pc from 'picocolors'

const ALARMING = /exited|hung|blocked|failed|lost|rival|abandoned|demoted|kept|not-written|commits-wait/
const GOOD = /formed|finished|adopted|go-on|proxy-started/

/** One event in one line: local time, then the sentence. */
export function renderEvent(event: HerdEvent): string {
  const time = new Date(event.at).toTimeString().slice(0, 8)
  const millis = event.at.slice(20, 23)
  const paint = ALARMING.test(event.kind) ? pc.red : GOOD.test(event.kind) ? pc.green : (text: string) => text
  return `${pc.dim(`${time}.${millis}`)}  ${paint(event.message)}`
}
