import type { HerdEventView } from '@pgherd/core/api'

/** What a person wants to see of the events; an empty field asks for nothing. */
export interface EventFilter {
  kind: string
  group: string
  node: string
  text: string
}

export function filterOf(params: URLSearchParams): EventFilter {
  const get = (name: string) => params.get(name) ?? ''
  return { kind: get('kind'), group: get('group'), node: get('node'), text: get('text') }
}

/** The events that fit, newest first. */
export function filterEvents(events: readonly HerdEventView[], filter: EventFilter): HerdEventView[] {
  const text = filter.text.toLowerCase()
  return events
    .filter(
      (event) =>
        (filter.kind === '' || event.kind === filter.kind) &&
        (filter.group === '' || event.group === filter.group) &&
        (filter.node === '' || event.node === filter.node) &&
        (text === '' || wordsOf(event).includes(text)),
    )
    .reverse()
}

function wordsOf({ kind, group, node, message, cause }: HerdEventView): string {
  return [kind, group, node, message, cause?.observed, cause?.decided].join(' ').toLowerCase()
}
