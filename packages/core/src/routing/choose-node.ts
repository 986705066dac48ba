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
  const serving = servingStandbys(group)
  if (serving.length === 0 && group.primary !== null) return choosePrimary(group)
  const standbys = serving.length > 0 ? serving : Object.values(group.nodes).filter(isLaggingStandby)
  if (standbys.length === 0) return choosePrimary(group)
  const isFar = (node: NodeView): boolean => node.lsn >= need.minLsn
  const far = standbys.every(isFar) ? standbys : standbys.filter(isFar)
  if (far.length === 0) return { kind: 'behind', standbys: standbys.map((node) => node.name) }
  let best = far[turn % far.length] as NodeView
  let least = load(best.name)
  for (const node of far) {
    const its = node === best ? least : load(node.name)
    if (its < least) {
      best = node
      least = its
    }
  }
  return { kind: 'node', node: best.name, role: 'standby' }
}

/** A view is made anew when anything of it changes, and asked many times before that. */
const SERVING = new WeakMap<GroupView['nodes'], readonly NodeView[]>()

function servingStandbys({ nodes }: GroupView): readonly NodeView[] {
  let serving = SERVING.get(nodes)
  if (serving === undefined) {
    serving = Object.values(nodes).filter(isServingStandby)
    SERVING.set(nodes, serving)
  }
  return serving
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
