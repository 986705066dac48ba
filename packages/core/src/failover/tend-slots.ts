import type { Action } from './decision.js'
import type { NodeObservation } from './observation.js'

/** Makes a server have exactly these slots of ours, if its last answer says that it has others. */
export function tendSlots(node: NodeObservation, wanted: readonly string[]): Action[] {
  const slots = node.answer?.slots
  if (slots === undefined) return []
  const same = wanted.length === slots.length && wanted.every((slot) => slots.includes(slot))
  return same ? [] : [{ kind: 'slots', node: node.name, slots: wanted }]
}
