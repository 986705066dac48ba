import type { Action, Decision } from './decision.js'
import type { GroupMemory } from './group-memory.js'
import { type Condition, conditionOf, type GroupObservation, type Order } from './observation.js'

/** What was observed and what was decided upon it, each as a sentence for a person. */
export interface DecisionCause {
  observed: string | null
  decided: string | null
}

const OBSERVED: Readonly<Record<Condition, string>> = {
  writes: 'takes writes',
  follows: 'runs as a standby',
  quiet: 'runs and has not answered yet',
  hung: 'runs and does not answer any more',
  stopped: 'does not run; its data is that of a primary',
  fenced: 'does not run; its data is that of a standby',
  absent: 'has no data',
}

/** Why something about `node` was decided: its condition, whoever ordered it, and what is done about it. */
export function explainDecision(
  memory: GroupMemory,
  seen: GroupObservation,
  { memory: next, actions }: Decision,
  node: string,
): DecisionCause {
  const observed = seen.nodes[node]
  const who = node === memory.primary ? `${node}, the primary of epoch ${memory.epoch},` : node
  const facts = [
    ...(seen.order === null ? [] : [describeOrder(seen.order)]),
    ...(observed === undefined ? [] : [`${who} ${OBSERVED[conditionOf(observed)]}`]),
  ]
  const own = actions.filter((action) => action.node === node)
  const done = [
    ...(next.epoch === memory.epoch ? [] : [`announce ${next.primary} as primary of epoch ${next.epoch}`]),
    ...(own.length > 0 ? own : actions).map(describeAction),
  ]
  return { observed: sentence(facts), decided: sentence(done) }
}

function describeOrder(order: Order): string {
  if (order.kind === 'failover')
    return order.acceptLoss ? 'a person ordered a failover and accepts loss' : 'a person ordered a failover'
  return order.to === null ? 'a person ordered a switchover' : `a person ordered a switchover to ${order.to}`
}

type Describe = { [Kind in Action['kind']]: (action: Extract<Action, { kind: Kind }>) => string }

const DESCRIBE: Describe = {
  create: ({ node }) => `make ${node}`,
  start: ({ node, upstream }) => (upstream === null ? `start ${node}` : `start ${node} after ${upstream}`),
  fence: ({ node }) => `fence ${node}`,
  promote: ({ node, timeline }) => `promote ${node} on timeline ${timeline}`,
  clone: ({ node, from, reason }) => `copy ${node} from ${from}, since ${reason}`,
  follow: ({ node, upstream }) => `have ${node} follow ${upstream}`,
  slots: ({ node }) => `put the slots of ${node} in order`,
  acknowledge: ({ node, rule }) =>
    rule.count === 0
      ? `let ${node} acknowledge alone`
      : `have ${node} acknowledge with ${rule.count} of ${rule.members.join(', ')}`,
  drain: ({ node }) => `drain ${node} and stop it in order`,
}

function describeAction(action: Action): string {
  return (DESCRIBE[action.kind] as (action: Action) => string)(action)
}

function sentence(parts: readonly string[]): string | null {
  const text = parts.join('; ')
  return text === '' ? null : `${text}.`
}
