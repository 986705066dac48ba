import type { HerdEventView, Job, Sample } from '@pgherd/core/api'
import type { StreamMessage } from '../api/sse-parser.js'
import type { Action } from './reduce.js'
import type { HerdStatus } from './topology.js'

/** What a message of the stream changes; nothing for a kind of a later version. */
export function actionOfMessage(message: StreamMessage, at: number): Action[] {
  const data: unknown = JSON.parse(message.data)
  switch (message.event) {
    case 'event':
      return [{ type: 'event', at, event: data as HerdEventView }]
    case 'topology':
      return [{ type: 'topology', at, topology: data as HerdStatus }]
    case 'sample':
      return [{ type: 'sample', at, sample: data as Sample }]
    case 'job':
      return [{ type: 'job', at, job: data as Job }]
    default:
      return []
  }
}
