import type { Action } from '../../../src/failover/index.js'
import { RULE_DELAY_MS } from './simulated-server.js'
import { type DataDirectory, timelineOf } from './wal.js'
import type { World } from './world.js'

export const EXCLUSIVE: ReadonlySet<Action['kind']> = new Set(['create', 'start', 'fence', 'clone', 'drain'])

/** The steps of an action: yields how long to wait before the next one, returns whether it worked. */
export type Steps = Generator<number, boolean>

type CarryOut = {
  [Kind in Action['kind']]: (world: World, action: Extract<Action, { kind: Kind }>) => Steps
}

export function carryOut(world: World, action: Action): Steps {
  const run = CARRY_OUT[action.kind] as (world: World, action: Action) => Steps
  return run(world, action)
}

const CARRY_OUT: CarryOut = {
  *create(world, { node }) {
    yield world.random.between(50, 400)
    const others = world.options.settings.nodes.filter((name) => name !== node)
    world.server(node).create({ count: others.length === 0 ? 0 : 1, members: others })
    return true
  },

  *start(world, { node, upstream, rule }) {
    const server = world.server(node)
    yield world.random.between(1, 30)
    const launched = server.launch(upstream, rule)
    yield 1
    return launched
  },

  *fence(world, { node }) {
    const server = world.server(node)
    yield world.random.between(1, 20)
    server.kill('fenced')
    yield world.random.between(1, 40)
    if (server.process === 'stopped' && server.data !== null) {
      server.data.standbySignal = true
      server.data.cleanShutdownLsn = null
    }
    return true
  },

  *promote(world, { node, timeline }) {
    yield world.random.between(1, 10)
    world.server(node).promote(timeline)
    return true
  },

  *clone(world, { node, from, keep }) {
    const target = world.server(node)
    const source = world.server(from)
    const { incarnation } = source
    yield world.random.between(1, 20)
    if (source.process !== 'primary' || source.hung || source.data === null) return false
    target.kill('to be replaced by a copy')
    yield world.random.between(50, 1200)
    if (source.incarnation !== incarnation || source.hung || source.data === null) return false
    const copy: DataDirectory = {
      ...source.data,
      wal: source.data.wal.slice(0, source.data.flushed),
      standbySignal: true,
      cleanShutdownLsn: null,
      upstream: from,
    }
    yield world.random.between(10, 200)
    if (target.process !== 'stopped') return false
    world.checkers.onReplaced(target, copy, keep)
    if (keep && target.data !== null) target.kept.push(target.data)
    target.data = copy
    target.slots.clear()
    world.log(() => `${node} is a copy of ${from} now (timeline ${timelineOf(copy).number})`)
    return true
  },

  *follow(world, { node, upstream }) {
    yield world.random.between(1, 15)
    world.server(node).follow(upstream)
    return true
  },

  *slots(world, { node, slots }) {
    yield world.random.between(1, 15)
    const server = world.server(node)
    if (server.answers() !== 'answer') return true
    server.slots.clear()
    for (const slot of slots) server.slots.add(slot)
    return true
  },

  *acknowledge(world, { node, rule }) {
    const server = world.server(node)
    yield world.random.between(1, 15)
    if (server.answers() !== 'answer') return true
    server.setRule(rule)
    yield RULE_DELAY_MS + world.random.between(0, 50)
    server.confirmRule(rule)
    return true
  },

  *drain(world, { node }) {
    const server = world.server(node)
    yield world.random.between(1, 20)
    if (server.answers() !== 'answer' || server.process !== 'primary') return true
    server.draining = true
    yield world.random.between(20, 400)
    server.shutDown(world.random.chance(0.9))
    return true
  },
}
