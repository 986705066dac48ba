import type { SimulatedServer } from './simulated-server.js'
import type { World } from './world.js'

/** Something that goes wrong, or a person's word, at one moment. */
export type Fault = (world: World) => void

function anyServer(world: World): SimulatedServer {
  // The primary is where it hurts, so every other time it is the one.
  return world.random.chance(0.5)
    ? world.server(world.supervisor.memory.primary)
    : world.random.pick(world.servers)
}

function told(world: World, what: string): void {
  world.log(() => `FAULT ${what}`)
}

export const kill: Fault = (world) => {
  const server = anyServer(world)
  told(world, `kill -9 ${server.name}`)
  server.kill('kill -9')
}

export const killLeavingOrphans: Fault = (world) => {
  const server = anyServer(world)
  told(world, `kill -9 the postmaster of ${server.name}`)
  server.killPostmasterOnly(world.random.between(50, 3000))
}

export const hang: Fault = (world) => {
  const server = anyServer(world)
  const forMs = world.random.between(100, 8000)
  told(world, `${server.name} hangs for ${forMs} ms`)
  const { incarnation } = server
  server.pause()
  world.after(forMs, () => {
    if (server.incarnation === incarnation) {
      world.log(() => `${server.name} goes on`)
      server.resume()
    }
  })
}

export const slowStart: Fault = (world) => {
  const server = anyServer(world)
  server.slowStartMs = world.random.between(500, 4000)
  told(world, `${server.name} is killed and starts slowly`)
  server.kill('kill -9')
}

export const failingStart: Fault = (world) => {
  const server = anyServer(world)
  server.failingStarts = world.random.between(1, 3)
  told(world, `${server.name} is killed and fails to start ${server.failingStarts} times`)
  server.kill('kill -9')
}

export const loseStandbyData: Fault = (world) => {
  const { memory } = world.supervisor
  const standbys = world.servers.filter(({ name }) => name !== memory.primary && name !== memory.successor)
  if (standbys.length === 0) return
  loseData(world, world.random.pick(standbys))
}

export const losePrimaryData: Fault = (world) =>
  loseData(world, world.server(world.supervisor.memory.primary))

function loseData(world: World, server: SimulatedServer): void {
  // With the last copy gone there is nothing left to decide.
  if (world.servers.every((other) => other === server || other.data === null)) return
  told(world, `${server.name} loses its data`)
  server.kill('its disk is gone')
  server.data = null
}

export const loseSlots: Fault = (world) => {
  const server = world.server(world.supervisor.memory.primary)
  told(world, `${server.name} loses its slots and old WAL`)
  server.slots.clear()
  if (server.data !== null) server.data.oldest = server.data.flushed
}

export const crashSupervisorAtOnce: Fault = (world) => world.supervisor.crash()

export const crashSupervisorSoon: Fault = (world) => {
  world.supervisor.crashIn = world.random.between(0, 40)
  told(world, `the supervisor will die after ${world.supervisor.crashIn} more steps`)
}

export const pauseSupervisor: Fault = (world) => {
  const forMs = world.random.between(500, 6000)
  told(world, `the supervisor sleeps ${forMs} ms`)
  world.supervisor.pauseFor(forMs)
}

export const orderSwitchover: Fault = (world) => {
  const to = world.random.chance(0.5) ? null : world.random.pick(world.servers).name
  world.supervisor.order = { kind: 'switchover', to }
}

export const orderFailover: Fault = (world) => {
  world.supervisor.order = { kind: 'failover', acceptLoss: false }
}

export const acceptLoss: Fault = (world) => {
  world.supervisor.order = { kind: 'failover', acceptLoss: true }
}

export const promoteByHand: Fault = (world) => {
  const standbys = world.servers.filter((server) => server.process === 'recovery' && !server.hung)
  if (standbys.length === 0) return
  const server = world.random.pick(standbys)
  told(world, `a person promotes ${server.name}`)
  server.promote(null)
}

export const killEverything: Fault = (world) => {
  told(world, 'everything is killed at once')
  for (const server of world.servers) server.kill('kill -9')
  world.supervisor.crash()
}

export const looseProbes: Fault = (world) => {
  world.probeLossChance = world.random.pick([0.05, 0.3, 0.6])
  told(world, `probes are lost with chance ${world.probeLossChance}`)
  world.after(world.random.between(500, 6000), () => {
    world.probeLossChance = 0
  })
}

/** One of these, and a group that was whole keeps every promise. */
export const SINGLE_FAULTS: readonly Fault[] = [
  kill,
  kill,
  killLeavingOrphans,
  hang,
  slowStart,
  failingStart,
  loseStandbyData,
  loseSlots,
  crashSupervisorAtOnce,
  crashSupervisorSoon,
  pauseSupervisor,
  orderSwitchover,
  orderFailover,
  promoteByHand,
  killEverything,
  looseProbes,
]

export const ANY_FAULTS: readonly Fault[] = [
  ...SINGLE_FAULTS,
  kill,
  kill,
  hang,
  killLeavingOrphans,
  crashSupervisorSoon,
  crashSupervisorSoon,
  orderSwitchover,
  losePrimaryData,
  acceptLoss,
]
