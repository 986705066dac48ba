import type { EventsView, HerdView, Job, Samples } from '@pgherd/core/api'
import { problemOf } from '../api/api-error.js'
import { EventStream } from '../api/event-stream.js'
import { request } from '../api/request.js'
import { actionOfMessage } from './action-of-message.js'
import type { Store } from './store.js'

const FIRST_EVENTS = 200

/**
 * Keeps the store at what the herd is: the stream, and after each (re)connection what happened before it.
 * Returns the stream, to be told to try again or closed.
 */
export function followHerd(store: Store): EventStream {
  const stream = new EventStream({
    onOpen: () => {
      store.dispatch({ type: 'opened', at: Date.now() })
      void catchUp(store)
    },
    onMessages: (messages) => {
      const at = Date.now()
      store.dispatch(...messages.flatMap((message) => actionOfMessage(message, at)))
    },
    onLost: (problem) => store.dispatch({ type: 'lost', problem }),
  })
  stream.connect()
  return stream
}

async function catchUp(store: Store): Promise<void> {
  const seconds = store.get().samples.length === 0 ? 3600 : 600
  const parts = [
    request<HerdView>('v1/herd').then((herd) => store.dispatch({ type: 'herd', herd })),
    request<EventsView>(`v1/events?last=${FIRST_EVENTS}`).then(({ events }) =>
      store.dispatch({ type: 'earlier events', events }),
    ),
    request<{ jobs: Job[] }>('v1/jobs').then(({ jobs }) => store.dispatch({ type: 'jobs', jobs })),
    request<Samples>(`v1/samples?seconds=${seconds}`).then(({ samples }) =>
      store.dispatch({ type: 'earlier samples', samples }),
    ),
  ]
  const failed = (await Promise.allSettled(parts)).find((part) => part.status === 'rejected')
  // The stream tells when the API is gone; what is left is an answer that is an error.
  if (failed !== undefined) console.warn('The page could not catch up:', problemOf(failed.reason).detail)
}
