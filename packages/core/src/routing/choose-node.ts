import type { Lsn } from '../lsn.js'
import { type GroupView, LAGS, type NodeView } from './group-view.js'

/** What a statement asks of the node that runs it. */
export interface NodeNeed {
  readonly role: 'primary' | 'standby'
  /** Standby: must have replayed this much. */
  readonly minLsn: Lsn
}

/** Which node, or why none. */
export type NodeChoice =
  | { readonly kind: 'node'; readonly node: string; readonly role: 'primary' | 'standby' }
  /** Standbys are there, and none has replayed that far, as far as is known. */
  | { readonly kind: 'behind'; readonly standbys: readonly string[] }
  | { readonly kind: 'none'; readonly why: string }

/**
 * Picks the node for a statement. Among standbys that are far enough the one with the least work under
 * way, `turn` breaking ties so that they take turns. Without any standby in, reads use the primary; without
 * that either, a standby that lags but has what the statement asks for.
 *
 * `load`: statements under way on a node.
 */
export function chooseNode(
  group: GroupView,
  need: NodeNeed,
  load: (node: string) => number,
  turn: number,
): NodeChoice {
  if (need.role === 'primary') return choosePrimary(group)
  const serving = Object.values(group.nodes).filter(isServingStandby)
  if (serving.length === 0 && group.primary !== null) return choosePrimary(group)
  const standbys = serving.length > 0 ? serving : Object.values(group.nodes).filter(isLaggingStandby)
  if (standbys.length === 0) return choosePrimary(group)
  const far = standbys.filter((node) => node.lsn >= need.minLsn)
  if (far.length === 0) return { kind: 'behind', standbys: standbys.map((node) => node.name) }
  let best = far[turn % far.length] as NodeView
  for (const node of far) if (load(node.name) < load(best.name)) best = node
  return { kind: 'node', node: best.name, role: 'standby' }
}

function isLaggingStandby(node: NodeView): boolean {
  return node.state === 'out' && node.role === 'standby' && node.why === LAGS
}

function isServingStandby(node: NodeView): boolean {
  return node.state === 'in' && node.role === 'standby'
}

function choosePrimary(group: GroupView): NodeChoice {
  return group.primary === null
    ? { kind: 'none', why: whyNoPrimary(group) }
    : { kind: 'node', node: group.primary, role: 'primary' }
}

/** One sentence on each node, for the person who has to find out why nothing takes writes. */
export function whyNoPrimary(group: GroupView): string {
  const each = Object.values(group.nodes).map((node) => {
    if (node.state === 'unknown') return `${node.name} has not answered yet`
    if (node.state === 'out') return `${node.name} is left out: ${node.why}`
    return `${node.name} is a ${node.role}`
  })
  return `No primary is known (${each.join('; ')}).`
}

/**
 * The LSN that a standby must have replayed to be at most `maxStalenessMs` behind at `nowMs`; null when
 * the primary was not heard of recently enough to tell.
 */
export function lsnForStaleness(group: GroupView, maxStalenessMs: number, nowMs: number): Lsn | null {
  const since = nowMs - maxStalenessMs
  const sample = group.samples.find((known) => known.atMs >= since)
  return sample === undefined ? null : sample.lsn
}
