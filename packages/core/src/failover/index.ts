export { type AckRule, formatRule, parseRule, type Reign, ruleOver } from './acknowledgement.js'
export { chooseSuccessor, type Succession } from './choose-successor.js'
export { decideGroup } from './decide-group.js'
export type { Action, Decision, DecisionEvent, EventKind, GroupSettings } from './decision.js'
export { diagnoseStandby, type StandbyDiagnosis } from './diagnose-standby.js'
export { type DecisionCause, explainDecision } from './explain-decision.js'
export { type GroupMemory, PHASES, type Phase, subjectOf, unformed } from './group-memory.js'
export { isLetGo } from './leaving.js'
export {
  forgiveSilence,
  type NodeRecord,
  newNodeRecord,
  noteAnswer,
  noteFailure,
  noteFenced,
  noteRefusal,
  noteStarted,
  noteStopped,
  observeNode,
  type Patience,
} from './node-record.js'
export {
  CONDITIONS,
  type Condition,
  conditionOf,
  type GroupObservation,
  type NodeAnswer,
  type NodeObservation,
  type Order,
} from './observation.js'
export { printSteps } from './print-steps.js'
export { newReign, ruleFor } from './rule-for.js'
export { STEPS, type Step } from './steps.js'
export { whyCommitsWait } from './why-commits-wait.js'
