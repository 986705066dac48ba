import type { Action } from '@pgherd/core/failover'

/** Of these, one at a time is done to a node, and nothing else is asked of it meanwhile. */
const EXCLUSIVE: ReadonlySet<Action['kind']> = new Set(['create', 'start', 'fence', 'clone', 'drain'])

export function isExclusive(action: Action): boolean {
  return EXCLUSIVE.has(action.kind)
}

/**
 * The actions under way. One that is decided again while it is under way is not begun a second time;
 * exclusive ones on one node run one after the other.
 */
export class ActionQueue {
  readonly #underWay = new Map<string, { action: Action; done: Promise<void> }>()
  readonly #lastOfNode = new Map<string, Promise<void>>()

  get isEmpty(): boolean {
    return this.#underWay.size === 0
  }

  /**
   * Runs `perform` when its turn comes. `onEnd` is called whether it succeeded or not, with whether the
   * node is free again. Returns false when the same is under way already.
   */
  begin(
    action: Action,
    perform: () => Promise<void>,
    onEnd: (isNodeFree: boolean, error: unknown) => void,
  ): boolean {
    const key = `${action.kind} ${action.node}`
    if (this.#underWay.has(key)) return false
    const exclusive = isExclusive(action)
    const before = exclusive ? this.#lastOfNode.get(action.node) : undefined
    const done = (before ?? Promise.resolve()).then(perform).then(
      () => end(null),
      (error: unknown) => end(error),
    )
    const end = (error: unknown): void => {
      this.#underWay.delete(key)
      const isNodeFree = exclusive && this.#lastOfNode.get(action.node) === done
      if (isNodeFree) this.#lastOfNode.delete(action.node)
      onEnd(isNodeFree, error)
    }
    this.#underWay.set(key, { action, done })
    if (exclusive) this.#lastOfNode.set(action.node, done)
    return true
  }

  /** Resolves when nothing exclusive is done to a node any more. */
  async whenFree(node: string): Promise<void> {
    for (let last = this.#lastOfNode.get(node); last !== undefined; last = this.#lastOfNode.get(node))
      await last
  }

  /** Resolves when all is done but copies, which can take long and can be cut off, or after `timeoutMs`. */
  async settle(timeoutMs: number): Promise<void> {
    const short = [...this.#underWay.values()].filter(({ action }) => action.kind !== 'clone')
    await Promise.race([
      Promise.allSettled(short.map(({ done }) => done)),
      new Promise((resolve) => setTimeout(resolve, timeoutMs).unref()),
    ])
  }
}
