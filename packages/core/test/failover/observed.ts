import {
  type GroupMemory,
  type GroupObservation,
  type GroupSettings,
  type NodeAnswer,
  type NodeObservation,
  newReign,
  type Order,
  unformed,
} from '../../src/failover/index.js'

/** Builders of what a supervisor saw and remembers; everything is well unless said otherwise. */

export function settingsOf(size: number, over: Partial<GroupSettings> = {}): GroupSettings {
  const nodes = Array.from({ length: size }, (_, at) => `n${at + 1}`)
  return { name: 'main', nodes, durability: 'zero-loss', withoutStandby: 'wait', ...over }
}

export function steadyMemory(settings: GroupSettings, over: Partial<GroupMemory> = {}): GroupMemory {
  const reigns = [{ ...newReign(settings, 'n1'), announced: true as const }]
  return { ...unformed('n1'), phase: 'steady', epoch: 1, reigns, ...over }
}

export function answerOf(over: Partial<NodeAnswer> = {}): NodeAnswer {
  return {
    askedAtMs: 9_990,
    recovery: true,
    timeline: 1,
    lsn: 1000,
    replayLsn: 1000,
    settled: true,
    upstream: 'n1',
    streaming: true,
    slots: [],
    lostSlots: [],
    oldestWalLsn: null,
    history: {},
    rule: null,
    replicas: {},
    ...over,
  }
}

function nodeOf(name: string, over: Partial<NodeObservation>): NodeObservation {
  return {
    name,
    process: 'running',
    vitals: 'answers',
    silentMs: 5,
    lifelessMs: 5,
    cutOffMs: 0,
    answer: answerOf(),
    disk: 'standby',
    stoppedAtMs: null,
    cleanShutdownLsn: null,
    busy: null,
    failures: 0,
    retryAtMs: 0,
    paused: false,
    ...over,
  }
}

export function standby(name: string, answer: Partial<NodeAnswer> = {}, over: Partial<NodeObservation> = {}) {
  return nodeOf(name, { answer: answerOf(answer), ...over })
}

export function primary(name: string, settings: GroupSettings, answer: Partial<NodeAnswer> = {}) {
  const others = settings.nodes.filter((node) => node !== name)
  const replica = { streaming: true, flushLsn: 1000, replayLsn: 1000 }
  return nodeOf(name, {
    disk: 'primary',
    answer: answerOf({
      recovery: false,
      upstream: null,
      streaming: false,
      slots: others,
      oldestWalLsn: 0,
      rule: newReign(settings, name).rules[0] ?? null,
      replicas: Object.fromEntries(others.map((other) => [other, replica])),
      ...answer,
    }),
  })
}

export function stopped(name: string, over: Partial<NodeObservation> = {}) {
  return nodeOf(name, {
    process: 'stopped',
    answer: null,
    silentMs: 0,
    lifelessMs: 0,
    stoppedAtMs: 9_900,
    lastStoppedAtMs: 9_900,
    ...over,
  })
}

export function hung(name: string, over: Partial<NodeObservation> = {}) {
  return nodeOf(name, { vitals: 'hung', silentMs: 1600, lifelessMs: 1600, disk: 'primary', ...over })
}

export function quiet(name: string, over: Partial<NodeObservation> = {}) {
  return nodeOf(name, { vitals: 'quiet', answer: null, silentMs: 300, ...over })
}

export function groupOf(
  nodes: readonly NodeObservation[],
  over: { order?: Order | null; phaseAgeMs?: number } = {},
): GroupObservation {
  return {
    nowMs: 10_000,
    phaseAgeMs: 5_000,
    order: null,
    nodes: Object.fromEntries(nodes.map((node) => [node.name, node])),
    ...over,
  }
}
