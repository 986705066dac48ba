import type { Action } from './decision.js'
import type { NodeObservation } from './observation.js'

/**
 * Makes a server have exactly these slots of ours, if its last answer says that it has others. The lost
 * slot of a node in `keepLost` stays until that node is made anew: it is the proof that it must be.
 */
export function tendSlots(
  node: NodeObservation,
  wanted: readonly string[],
  keepLost: readonly string[],
): Action[] {
  if (node.answer === null) return []
  const { slots, lostSlots } = node.answer
  const settled = (name: string): boolean =>
    slots.includes(name) || (lostSlots.includes(name) && keepLost.includes(name))
  const same = wanted.every(settled) && slots.every((slot) => wanted.includes(slot))
  return same ? [] : [{ kind: 'slots', node: node.name, slots: wanted }]
}
