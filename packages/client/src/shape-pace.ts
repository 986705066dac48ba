const FIRST_BAN_MS = 1000
const LAST_BAN_MS = 60_000
/** A shape that has been quick for so long starts with a clean slate. */
const FORGOTTEN_MS = 30_000
/** So many in a row are no accident: a lock, say, which all of them wait for. */
const SLOW_IN_A_ROW = 4
/** From this share of all on a shape is slow; below, the machine is. */
const SLOW_SHARE = 0.01
/** What is remembered of the past: older runs count half, then a quarter, … */
const REMEMBERED_RUNS = 2000

/**
 * Whether statements of a shape are quick enough for lanes, where the neighbours of one that is not have to
 * wait. One that is slow now and then is not at fault: on a busy machine the server itself is held up. A
 * shape that is slow too often stays away for a while, longer each time.
 */
export class ShapePace {
  /** On the monotonic clock. */
  #awayUntilMs = Number.NEGATIVE_INFINITY
  #bans = 0
  #runs = 0
  #slow = 0
  #slowInARow = 0

  mayShare(nowMs: number): boolean {
    return nowMs >= this.#awayUntilMs
  }

  /** One was answered on a lane in time. */
  noteQuick(): void {
    this.#slowInARow = 0
    if (++this.#runs < REMEMBERED_RUNS) return
    this.#runs /= 2
    this.#slow /= 2
  }

  /** One held up a lane for as long as the lane's patience lasted. */
  noteSlow(nowMs: number): void {
    // Those that were on their way together count once.
    if (!this.mayShare(nowMs)) return
    if (nowMs - this.#awayUntilMs > FORGOTTEN_MS) this.#bans = 0
    this.#runs++
    this.#slow++
    this.#slowInARow++
    const isOften = this.#slow >= 2 && this.#slow >= this.#runs * SLOW_SHARE
    if (isOften || this.#slowInARow >= SLOW_IN_A_ROW) this.keepAway(nowMs)
  }

  /** It is not for lanes, however quick. */
  keepAway(nowMs: number): void {
    this.#awayUntilMs = nowMs + Math.min(LAST_BAN_MS, FIRST_BAN_MS * 2 ** this.#bans)
    this.#bans++
    this.#runs = this.#slow = this.#slowInARow = 0
  }
}
