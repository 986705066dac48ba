import { holdsEveryCommit, type Reign } from './acknowledgement.js'
import type { GroupSettings } from './decision.js'
import type { GroupMemory } from './group-memory.js'
import { conditionOf, type GroupObservation, type NodeAnswer, type NodeObservation } from './observation.js'

export type Succession =
  | { kind: 'promote'; node: string }
  /** Not now, but nodes that are starting or have yet to answer may change that. */
  | { kind: 'later'; reason: string }
  | { kind: 'none'; reason: string }

/** What is on record of the announced primary and of those who left its line. */
type Announced = Pick<GroupMemory, 'timeline' | 'history' | 'astray'>

/** How long an election waits for nodes that run but have not shown all they have. */
const ELECTION_PATIENCE_MS = 1000

/**
 * Says which standby takes over, or why none may.
 *
 * Under zero-loss a choice is made only among nodes that together hold every acknowledged commit, and
 * falls on the one with the furthest WAL, names breaking a tie so that two observers agree
 * (PostgreSQL documentation, "Synchronous Replication"). `notBeforeMs` keeps out answers that were
 * given while the old primary could still write. Nodes that went astray do not count as having what
 * others hold, and come last where anyone will do.
 */
export function chooseSuccessor(
  settings: GroupSettings,
  seen: GroupObservation,
  reigns: readonly Reign[],
  options: {
    notBeforeMs: number
    lossAccepted: boolean
    announced: Announced
    except?: string | undefined
  },
): Succession {
  const nodes = settings.nodes.map((name) => seen.nodes[name]).filter((node) => node !== undefined)
  const others = nodes.filter((node) => node.name !== options.except)
  const candidates = others.filter((node) => isCandidate(node, options.notBeforeMs))
  const mayCome = others.filter(
    (node) => node.process === 'running' && !candidates.includes(node) && node.vitals !== 'hung',
  )
  const legitimate = candidates.filter((node) => !isAstray(node, reigns, options.announced))
  const inReach = new Set(legitimate.map((node) => node.name))
  const best = furthest(legitimate) ?? furthest(candidates)
  const zeroLoss = settings.durability === 'zero-loss'
  if (best !== null && zeroLoss && holdsEveryCommit(reigns, inReach)) return { kind: 'promote', node: best }

  // From here on commits may be lost, so whoever may yet come is heard first.
  const reason = whyNone(nodes, inReach, reigns, candidates)
  const othersMayCome = mayCome.length > 0 && seen.phaseAgeMs < ELECTION_PATIENCE_MS
  const mayLose =
    !zeroLoss ||
    options.lossAccepted ||
    holdsEveryCommit(
      reigns.filter((reign) => !reign.lossAccepted),
      inReach,
    )
  if (best !== null && mayLose && (options.lossAccepted || !othersMayCome))
    return { kind: 'promote', node: best }
  return othersMayCome ? { kind: 'later', reason } : { kind: 'none', reason }
}

/**
 * Whether its WAL is on a timeline that belongs to nobody who was announced or chosen. The old primary
 * itself has all it acknowledged, whatever else was done to it.
 */
export function isAstray(node: NodeObservation, reigns: readonly Reign[], announced: Announced): boolean {
  if (announced.astray?.includes(node.name)) return true
  if (node.answer === null || node.name === reigns.at(-1)?.primary) return false
  const { timeline } = node.answer
  if (timeline > announced.timeline) return reigns.every((reign) => reign.announced)
  return timeline < announced.timeline && announced.history !== undefined && !(timeline in announced.history)
}

function isCandidate(node: NodeObservation, notBeforeMs: number): boolean {
  return (
    conditionOf(node) === 'follows' &&
    node.answer !== null &&
    node.answer.settled &&
    node.answer.askedAtMs >= notBeforeMs &&
    node.busy === null
  )
}

/** A later timeline outranks any LSN on an earlier one: it forked off at a point that was chosen then. */
function furthest(candidates: readonly NodeObservation[]): string | null {
  const ranked = candidates
    .map((node) => ({ name: node.name, answer: node.answer as NodeAnswer }))
    .sort(
      (a, b) =>
        b.answer.timeline - a.answer.timeline || b.answer.lsn - a.answer.lsn || (a.name < b.name ? -1 : 1),
    )
  return ranked[0]?.name ?? null
}

function whyNone(
  nodes: readonly NodeObservation[],
  inReach: ReadonlySet<string>,
  reigns: readonly Reign[],
  candidates: readonly NodeObservation[],
): string {
  const missing = nodes
    .filter((node) => !inReach.has(node.name))
    .map((node) => `${node.name} ${candidates.includes(node) ? 'went astray' : describe(node)}`)
  if (candidates.length === 0) return `no standby answers (${missing.join(', ')})`
  const alone = reigns.some((reign) => reign.rules.some((rule) => rule.count === 0))
  const why = alone
    ? 'the primary acknowledged writes alone while it had no standby'
    : 'the last acknowledged writes may be only on a node that is not in reach'
  return `${why} (${missing.join(', ')})`
}

function describe(node: NodeObservation): string {
  const words: Record<ReturnType<typeof conditionOf>, string> = {
    writes: 'accepts writes',
    follows: 'has not shown all its WAL yet',
    quiet: 'is starting',
    hung: 'does not answer',
    stopped: 'is stopped',
    fenced: 'is stopped',
    absent: 'has no data',
  }
  return words[conditionOf(node)]
}
