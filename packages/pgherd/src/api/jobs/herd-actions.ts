import type { Herd } from '@pgherd/cluster'
import { HerdError } from '@pgherd/core'
import type { Job } from '@pgherd/core/api'
import type { ProxyKeeper } from '../../proxy-process/proxy-keeper.js'
import { switchOver } from '../../proxy-process/switch-over.js'
import type { JobBoard } from './job-board.js'

/** What people have done to a herd, each as a job. What is named is checked before the job begins. */
export class HerdActions {
  readonly #herd: Herd
  readonly #keeper: ProxyKeeper | null
  readonly #jobs: JobBoard
  readonly #stop: () => void

  /** `stop` ends this supervisor. */
  constructor(herd: Herd, keeper: ProxyKeeper | null, jobs: JobBoard, stop: () => void) {
    this.#herd = herd
    this.#keeper = keeper
    this.#jobs = jobs
    this.#stop = stop
  }

  /** Throws UNKNOWN_GROUP. */
  failover(group: string, acceptLoss: boolean): Job {
    const before = this.#herd.primaryOf(group)?.name ?? null
    const title = acceptLoss ? `Fail ${group} over, accepting that writes may be lost` : `Fail ${group} over`
    return this.#jobs.begin({ kind: 'failover', title, group, node: before }, async ({ step }) => {
      step('Fencing the primary and choosing a successor')
      await this.#herd.failover(group, { acceptLoss })
    })
  }

  /** Throws UNKNOWN_GROUP, UNKNOWN_NODE. */
  switchover(group: string, to: string | null): Job {
    const before = this.#herd.primaryOf(group)?.name ?? null
    if (to !== null) this.#requireNode(to, group)
    const title = to === null ? `Hand ${group} over to its best standby` : `Hand ${group} over to ${to}`
    return this.#jobs.begin({ kind: 'switchover', title, group, node: to }, async ({ step, undo }) => {
      step('Draining the primary and handing over')
      await switchOver(this.#herd, this.#keeper, group, to)
      if (before === null || this.#herd.primaryOf(group)?.name === before) return
      undo({
        title: `Hand ${group} back to ${before}`,
        method: 'POST',
        path: `/v1/groups/${encodeURIComponent(group)}/switchover`,
        body: { to: before },
      })
    })
  }

  /** Throws UNKNOWN_NODE. */
  disturb(node: string, action: 'kill' | 'pause' | 'resume'): Job {
    const group = this.#requireNode(node)
    const title = { kill: `Kill ${node}`, pause: `Pause ${node}`, resume: `Resume ${node}` }[action]
    return this.#jobs.begin({ kind: 'chaos', title, group, node }, async ({ undo }) => {
      await this.#herd.disturb(node, action)
      const back = { pause: 'resume', resume: 'pause', kill: null }[action]
      if (back === null) return
      undo({
        title: back === 'resume' ? `Resume ${node}` : `Pause ${node}`,
        method: 'POST',
        path: `/v1/nodes/${encodeURIComponent(node)}/chaos`,
        body: { action: back },
      })
    })
  }

  /** Throws UNKNOWN_GROUP, OPERATION_FAILED. */
  addNodes(group: string, count: number): Job {
    const names = this.#herd.namesForNodes(group, count)
    const [first = ''] = names
    const title = `Add ${names.join(', ')} to ${group}`
    return this.#jobs.begin({ kind: 'add-node', title, group, node: first }, async ({ step, undo }) => {
      const made = await this.#herd.addNodes(group, count, step)
      const [only, ...others] = made
      if (only === undefined || others.length > 0) return
      undo({
        title: `Remove ${only} again`,
        method: 'DELETE',
        path: `/v1/nodes/${encodeURIComponent(only)}`,
        body: { confirm: only },
      })
    })
  }

  /** Throws UNKNOWN_NODE, CONFIRMATION_NEEDED, OPERATION_FAILED. */
  removeNode(node: string, confirm: string): Job {
    const group = this.#requireNode(node)
    if (confirm !== node)
      throw new HerdError('CONFIRMATION_NEEDED', `Removing ${node} deletes its copy of the data.`, {
        hint: `Say its name once more: { "confirm": ${JSON.stringify(node)} }`,
      })
    this.#herd.refuseRemoval(node)
    const title = `Remove ${node} from ${group}`
    return this.#jobs.begin({ kind: 'remove-node', title, group, node }, async ({ step, undo }) => {
      await this.#herd.removeNode(node, step)
      undo({
        title: `Add a standby to ${group} again`,
        method: 'POST',
        path: `/v1/groups/${encodeURIComponent(group)}/nodes`,
        body: { count: 1 },
      })
    })
  }

  stop(): Job {
    const title = `Stop ${this.#herd.name}; its data stays`
    return this.#jobs.begin({ kind: 'stop', title, group: null, node: null }, async () => {
      // Whoever asked is answered first.
      setImmediate(this.#stop)
    })
  }

  /** Resolves to its group. Throws UNKNOWN_NODE. */
  #requireNode(node: string, group?: string): string {
    const groups = this.#herd.groupNames
    const found = groups.find((each) => this.#herd.nodesOf(each).includes(node))
    if (found !== undefined && (group === undefined || group === found)) return found
    const known = (group === undefined ? groups : [group]).flatMap((each) => this.#herd.nodesOf(each))
    throw new HerdError('UNKNOWN_NODE', `There is no node "${node}"; this herd has ${known.join(', ')}.`)
  }
}
