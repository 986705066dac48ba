import type { GroupSettings } from './decision.js'
import type { GroupMemory } from './group-memory.js'
import type { Condition, GroupObservation, NodeObservation } from './observation.js'

/** What a step is taken in. */
export interface Situation {
  settings: GroupSettings
  memory: GroupMemory
  seen: GroupObservation
  /** The subject: the node on whose condition the step depends. */
  node: NodeObservation
  condition: Condition
}
