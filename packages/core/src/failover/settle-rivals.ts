import { withAstray, withoutAstray } from './astray.js'
import { withNewReign } from './begin-promotion.js'
import { type Decision, decision, event, type GroupSettings } from './decision.js'
import { type GroupMemory, subjectOf } from './group-memory.js'
import { conditionOf, type GroupObservation } from './observation.js'

/** Another node than the expected one accepts writes. */
export function settleRivals(
  settings: GroupSettings,
  memory: GroupMemory,
  seen: GroupObservation,
): Decision | null {
  const subject = subjectOf(memory)
  const rivals = settings.nodes
    .map((name) => seen.nodes[name])
    .filter((node) => node !== undefined)
    .filter((node) => node.name !== subject && conditionOf(node) === 'writes' && node.busy !== 'fence')
  const first = rivals[0]
  if (first === undefined) return null
  const expected = seen.nodes[subject]
  const mayAdopt =
    rivals.length === 1 &&
    memory.phase === 'steady' &&
    expected !== undefined &&
    expected.process === 'stopped' &&
    (expected.busy === null || expected.busy === 'fence') &&
    (first.answer?.timeline ?? 0) > memory.timeline
  if (mayAdopt && expected.disk === 'primary') return decision(memory, [{ kind: 'fence', node: subject }])
  if (mayAdopt && expected.busy === null) {
    const adopting: GroupMemory = {
      ...withoutAstray(memory, (name) => name === first.name),
      phase: 'promoting',
      successor: first.name,
      reigns: withNewReign(settings, memory.reigns, first.name),
      // Nothing tells what the old primary acknowledged after this one went its own way.
      lossAccepted: true,
    }
    const message = `${first.name} was promoted by someone else while ${subject} was stopped: taking it as the primary.`
    return decision(adopting, [], [event('rival-adopted', first.name, message)])
  }
  return decision(
    withAstray(
      memory,
      rivals.map((node) => node.name),
    ),
    rivals.map((node) => ({ kind: 'fence', node: node.name })),
    rivals.map((node) =>
      event(
        'rival-fenced',
        node.name,
        `${node.name} accepted writes although ${subject} is the primary: it was killed.`,
      ),
    ),
  )
}
