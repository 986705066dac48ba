import type { StatementRecord } from '@pgherd/client/internal'
import { commandComplete } from '../protocol/server-messages.js'
import type { Seat } from '../session/seat.js'
import { noteRun } from './seat-requests.js'
import type { SessionParts } from './session-parts.js'
import { COPY_HEAD_BYTES, SpreadCopy } from './spread-copy.js'

/** Copies what one client sends to the shards that it is for. */
export class CopyRunner {
  readonly #parts: SessionParts
  #current: SpreadCopy | null = null

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  /** Takes what the client copies to several groups; null: it copies to one, or does not. */
  get current(): SpreadCopy | null {
    return this.#current
  }

  /** `begun`: from now on its data comes. Resolves with the answer. */
  async run(
    record: StatementRecord,
    join: (group: string) => Promise<Seat>,
    begun: () => void,
  ): Promise<Buffer> {
    const { host, routes } = this.#parts
    const route = routes.routeCopy(record)
    if (route.kind !== 'split' && route.kind !== 'copies') throw new Error('the COPY is for one group')
    const copy = new SpreadCopy({
      text: route.text,
      groups: route.groups,
      splitter: route.kind === 'split' ? route.splitter(route.groups[0] as string, COPY_HEAD_BYTES) : null,
      join,
    })
    try {
      const response = await copy.begin()
      this.#current = copy
      begun()
      host.beginCopy(response)
      const rows = await copy.done()
      for (const [seat, count] of rows) if (count > 0 || !route.quiet) noteRun(seat, record.text)
      const counts = [...rows.values()]
      const sum = route.kind === 'copies' ? counts[0] : counts.reduce((all, count) => all + count, 0)
      return commandComplete(`COPY ${sum}`)
    } finally {
      this.#current = null
    }
  }
}
