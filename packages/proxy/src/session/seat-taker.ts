import { HerdError } from '@pgherd/core'
import type { HerdLink } from '../herd-link.js'
import { LoginRefused } from '../server/server-connection.js'
import type { Seat } from './seat.js'
import type { SessionSettings } from './session-settings.js'

/** How long after it could not be had a connection is asked for again. */
const AGAIN_MS = 50

/** Gets connections to primaries for the seats of one session, one at a time. */
export class SeatTaker {
  #stop: (() => void) | null = null
  /** Why nobody waits any more. */
  #over: Error | null = null

  /** Something new is under way. */
  begin(): void {
    this.#over = null
  }

  /** Whoever waits for a connection is told why there will be none. */
  giveUp(why: Error): void {
    this.#over = why
    this.#stop?.()
  }

  /** Rejects when none can be had for long, when the server will not have it, or with why it was given up. */
  async take(seat: Seat, settings: SessionSettings, deadlineMs: number): Promise<void> {
    while (!(await this.#try(seat, settings, deadlineMs))) {
      if (this.#over !== null) throw this.#over
      if (performance.now() > deadlineMs) throw new HerdError('NO_PRIMARY', whyNone(seat))
      await this.#changeOf(seat.place.link)
    }
  }

  /** False: not now. */
  #try(seat: Seat, settings: SessionSettings, deadlineMs: number): Promise<boolean> {
    const { tenant, link } = seat.place
    const choice = tenant.choose('primary', 0, 0)
    if (choice.kind !== 'node') return Promise.resolve(false)
    const pool = tenant.own(choice.node)
    return new Promise((resolve, reject) => {
      let leaveQueue = (): void => {}
      const ended = (): void => {
        clearTimeout(late)
        this.#stop = null
      }
      const stop = (): void => {
        ended()
        leaveQueue()
        resolve(false)
      }
      const late = setTimeout(stop, deadlineMs - performance.now())
      this.#stop = stop
      leaveQueue = pool.take(
        settings,
        (server) => {
          ended()
          const isUsable = !server.connection.isStandby && this.#over === null
          if (isUsable) seat.take(server, pool)
          else {
            // Of a node that was promoted while it was idle it says so still: another one will know.
            server.retired = server.connection.isStandby
            pool.giveBack(server)
            link.look(choice.node)
          }
          resolve(isUsable)
        },
        (error) => {
          ended()
          if (error instanceof LoginRefused && !error.sqlState.startsWith('57P')) reject(error)
          else resolve(false)
        },
      )
    })
  }

  /** Something else is known of a group now, or may be. */
  #changeOf(link: HerdLink): Promise<void> {
    return new Promise((resolve) => {
      const stop = (): void => {
        clearTimeout(timer)
        cancel()
        this.#stop = null
        resolve()
      }
      const timer = setTimeout(stop, AGAIN_MS)
      const cancel = link.waitForChange(stop)
      this.#stop = stop
    })
  }
}

function whyNone({ place: { group, link } }: Seat): string {
  return link.view.primary === null ? link.whyNoPrimary : `No connection to group ${group} was free in time.`
}
