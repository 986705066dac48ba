import { Random } from '../../../../../test/random.js'
import { decideGroup, type GroupSettings } from '../../../src/failover/index.js'
import { ANY_FAULTS, type Fault, SINGLE_FAULTS } from './faults.js'
import { World, type WorldOptions } from './world.js'

export interface SimulationResult {
  seed: number
  violation: string | null
  acknowledgements: number
  epochs: number
  simulatedMs: number
  regime: string
  trace: readonly string[]
}

/** From the end of the last fault until everything streams again. */
const HEAL_WITHIN_MS = 40_000
/** In a group with a standby, from a single fault until a write is acknowledged again. */
const SERVE_WITHIN_MS = 15_000

export function runSimulation(
  seed: number,
  options: Partial<Pick<WorldOptions, 'decide' | 'tracing' | 'reportRuleAtOnce'>> = {},
): SimulationResult {
  const random = new Random(seed ^ 0x9e3779b9)
  const settings = settingsFrom(random)
  const single = random.chance(0.4)
  const world = new World({ seed, settings, decide: decideGroup, tracing: false, ...options })
  world.log(() => `seed ${seed}: ${JSON.stringify(settings)}, ${single ? 'single faults' : 'anything goes'}`)
  world.runUntil(20_000, () => isHealed(world))
  if (!isHealed(world)) world.checkers.fail('I10', 'the group did not form')
  if (single) runSingleFaults(world, random)
  else runAnything(world, random)
  return {
    seed,
    violation: world.checkers.violation,
    acknowledgements: world.checkers.acknowledgements,
    epochs: world.supervisor.memory.epoch,
    simulatedMs: world.nowMs,
    regime: single ? 'single' : 'anything',
    trace: world.trace,
  }
}

function settingsFrom(random: Random): GroupSettings {
  const size = random.pick([1, 2, 2, 3, 3, 3, 4, 5])
  return {
    name: 'main',
    nodes: Array.from({ length: size }, (_, at) => `n${at + 1}`),
    durability: random.chance(0.75) ? 'zero-loss' : 'fast',
    withoutStandby: random.chance(0.5) ? 'wait' : 'continue',
  }
}

function runSingleFaults(world: World, random: Random): void {
  while (world.nowMs < 60_000 && world.checkers.violation === null) {
    world.runUntil(world.nowMs + random.between(700, 2500))
    const atMs = world.nowMs
    random.pick<Fault>(SINGLE_FAULTS)(world)
    world.runUntil(atMs + random.between(10, 400))
    world.runUntil(atMs + SERVE_WITHIN_MS, () => world.checkers.lastAcknowledgedAtMs > atMs + 400)
    if (world.checkers.lastAcknowledgedAtMs <= atMs)
      world.checkers.fail('I10', `no write was acknowledged for ${SERVE_WITHIN_MS} ms after one fault`)
    heal(world)
  }
}

function runAnything(world: World, random: Random): void {
  const endMs = world.nowMs + random.between(10_000, 35_000)
  const gapMs = random.pick([300, 1000, 3000])
  while (world.nowMs < endMs && world.checkers.violation === null) {
    world.runUntil(world.nowMs + random.between(5, gapMs))
    random.pick<Fault>(ANY_FAULTS)(world)
  }
  calm(world)
  heal(world)
}

function calm(world: World): void {
  world.log(() => 'no more faults')
  world.probeLossChance = 0
  world.supervisor.crashIn = -1
  for (const server of world.servers) {
    server.failingStarts = 0
    server.resume()
  }
}

/** Waits until the group is whole; a person helps where only a person may. */
function heal(world: World): void {
  const isDone = (): boolean => isHealed(world) || isBlockedForGood(world)
  world.runUntil(world.nowMs + HEAL_WITHIN_MS, isDone)
  // What it needs to be asked again for is what the answer to the first order says.
  for (let tries = 0; tries < 5 && isBlockedForGood(world) && !isHealed(world); tries++) {
    world.supervisor.order = { kind: 'failover', acceptLoss: true }
    world.runUntil(world.nowMs + 3000)
    world.runUntil(world.nowMs + HEAL_WITHIN_MS, isDone)
  }
  if (isHealed(world)) world.checkers.checkEnd()
  else world.checkers.fail('I10', `the group did not heal: ${whatIsWrong(world)}`)
}

/** Nobody may take over and that is true: what a node had is gone. */
function isBlockedForGood(world: World): boolean {
  const { supervisor } = world
  return supervisor.blocked !== null && world.servers.some((server) => server.data === null)
}

export function isHealed(world: World): boolean {
  return whatIsWrong(world) === null
}

function whatIsWrong(world: World): string | null {
  const { memory, running, order } = world.supervisor
  if (!running) return 'the supervisor is down'
  if (order !== null) return 'an order waits'
  if (memory.phase !== 'steady') return `it is ${memory.phase}`
  const primary = world.server(memory.primary)
  if (!primary.accepts(null)) return `${primary.name} takes no writes`
  const answer = primary.answer(world.nowMs)
  const away = world.servers.filter((server) => server !== primary && !answer.replicas[server.name])
  if (away.length > 0) return `${away.map((server) => server.name).join(', ')} does not stream`
  const others = world.servers.length - 1
  if (world.options.settings.durability === 'fast') return null
  if (memory.reigns.length !== 1 || memory.reigns[0]?.rules.length !== 1) return 'reigns are not settled'
  const members = answer.rule?.members.length
  return members === others ? null : `${members} of ${others} standbys are in the rule`
}
