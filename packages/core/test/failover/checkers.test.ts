import { expect, test } from 'vitest'
import { decideGroup } from '../../src/failover/index.js'
import { runSimulation } from './simulation/run-simulation.js'
import type { WorldOptions } from './simulation/world.js'

type Decide = typeof decideGroup

/** Decisions that are wrong in one way each; a simulation that lets them pass proves nothing. */
const WRONG: Readonly<Record<string, { invariant: RegExp; options: Partial<WorldOptions> }>> = {
  'anyone who answers may take over': {
    invariant: /^I1/,
    options: { decide: (settings, memory, seen) => decideGroup(settings, { ...memory, reigns: [] }, seen) },
  },
  'the old primary is taken for fenced when its postmaster is gone': {
    invariant: /^I[12]/,
    options: {
      decide: withNodes((node) =>
        node.process === 'stopped' && node.disk === 'primary' ? { ...node, disk: 'standby' } : node,
      ),
    },
  },
  'answers from before the fence count': {
    invariant: /^I1/,
    options: {
      decide: withNodes((node, nowMs) =>
        node.answer === null ? node : { ...node, answer: { ...node.answer, askedAtMs: nowMs } },
      ),
    },
  },
  'a rule is taken to be in force once it stands in the configuration': {
    invariant: /^I1/,
    options: { reportRuleAtOnce: true },
  },
  'nothing is kept aside': {
    invariant: /^I7/,
    options: {
      decide: (settings, memory, seen) => {
        const decision = decideGroup(settings, memory, seen)
        return {
          ...decision,
          actions: decision.actions.map((action) =>
            action.kind === 'clone' ? { ...action, keep: false } : action,
          ),
        }
      },
    },
  },
  'a failed start is never tried again': {
    invariant: /^I10/,
    options: {
      decide: withNodes((node) =>
        node.failures > 0 ? { ...node, retryAtMs: Number.POSITIVE_INFINITY } : node,
      ),
    },
  },
}

function withNodes(change: (node: Node, nowMs: number) => Node): Decide {
  return (settings, memory, seen) => {
    const nodes = Object.fromEntries(
      Object.entries(seen.nodes).map(([name, node]) => [name, change(node, seen.nowMs)]),
    )
    return decideGroup(settings, memory, { ...seen, nodes })
  }
}
type Node = Parameters<Decide>[2]['nodes'][string]

test.each(Object.entries(WRONG))('the checkers notice when %s', (_, { invariant, options }) => {
  for (let seed = 1; seed <= 1500; seed++) {
    const { violation } = runSimulation(seed, options)
    if (violation !== null && invariant.test(violation)) return
  }
  expect.fail('no violation was found')
})

test('a seed replays exactly, with a trace', () => {
  const once = runSimulation(42, { tracing: true })
  expect(runSimulation(42, { tracing: true })).toEqual(once)
  expect(once.trace.length).toBeGreaterThan(50)
})
