import { Seat, type SeatUser } from '../session/seat.js'
import type { Guest, ShardedDatabase } from './sharded-database.js'

/** The seats of one session: in the groups that it has to do with, and in the federation. */
export class SessionSeats {
  readonly #database: ShardedDatabase
  readonly #guest: Guest
  readonly #user: SeatUser
  readonly #byGroup = new Map<string, Seat>()
  #federation: Seat | null = null

  constructor(database: ShardedDatabase, guest: Guest, user: SeatUser) {
    this.#database = database
    this.#guest = guest
    this.#user = user
  }

  get home(): Seat {
    return this.in(this.#database.home)
  }

  get all(): readonly Seat[] {
    return [...this.#byGroup.values(), ...(this.#federation === null ? [] : [this.#federation])]
  }

  in(group: string): Seat {
    if (this.#federation?.place.group === group) return this.#federation
    let seat = this.#byGroup.get(group)
    if (seat === undefined) {
      seat = new Seat(this.#database.placeIn(group, this.#guest), this.#user)
      this.#byGroup.set(group, seat)
    }
    return seat
  }

  /** Rejects while there is no federation yet. */
  async federation(): Promise<Seat> {
    // It is in the same cluster: what was written there is to be seen here.
    this.#federation ??= new Seat(
      await this.#database.federationFor(this.#guest),
      this.#user,
      this.home.writes,
    )
    return this.#federation
  }
}
