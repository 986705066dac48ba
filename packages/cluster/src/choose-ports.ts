import { randomInt } from 'node:crypto'
import { HerdError, nodeNames } from '@pgherd/core'
import type { HerdSpec } from '@pgherd/core/spec'
import { nodesOf } from './herd-nodes.js'
import { findFreePorts, isPortFree, whoHoldsPort } from './postgres/ports.js'
import { findServerProcesses } from './postgres/server-processes.js'
import type { HerdIdentity } from './state/herd-identity.js'

/** Below what Linux and macOS hand out to outgoing connections, which could take a port at any moment. */
const AUTO_PORTS = { from: 20_000, to: 32_000 }

/**
 * Gives every node its port: in order from `wanted`, or from a free stretch. The search for that begins
 * at a random place, so that herds made at the same moment do not choose the same.
 */
export async function choosePorts(
  spec: HerdSpec,
  wanted: number | 'auto',
  names: readonly string[] = spec.groups.flatMap(nodeNames),
): Promise<Record<string, number>> {
  const first =
    wanted === 'auto'
      ? await findFreePorts(spec.host, names.length, randomInt(AUTO_PORTS.from, AUTO_PORTS.to))
      : wanted
  const ports = names.map((name, index) => [name, first + index] as const)
  await refuseTakenPorts(ports.map(([name, port]) => ({ name, host: spec.host, port })))
  return Object.fromEntries(ports)
}

/** Ports for nodes that a herd gets while it runs, above those it has. Throws PORT_TAKEN. */
export async function choosePortsForMore(
  { spec, ports, proxyPort, apiPort }: HerdIdentity,
  names: readonly string[],
): Promise<Record<string, number>> {
  // Also while nobody listens there, as when the proxy is just being replaced.
  const reserved = [proxyPort, apiPort]
  const chosen: Record<string, number> = {}
  let last = Math.max(...Object.values(ports))
  for (const name of names) {
    do last = await findFreePorts(spec.host, 1, last + 1)
    while (reserved.includes(last))
    chosen[name] = last
  }
  return chosen
}

/**
 * The ports of a herd that exists: those it has, unless others were asked for since, on the command line
 * (`override`) or by a change of the spec. Throws SPEC_CHANGED when its servers run on other ports.
 */
export async function keepOrChangePorts(
  identity: HerdIdentity,
  spec: HerdSpec,
  override: number | 'auto' | undefined,
): Promise<Record<string, number>> {
  const current = Object.values(identity.ports)
  const wanted = override ?? (spec.port === identity.spec.port ? undefined : spec.port)
  if (wanted === undefined || wanted === current[0]) return identity.ports
  const runs = nodesOf(identity).some((node) => findServerProcesses(node.paths.data).postmaster !== null)
  if (runs) {
    if (wanted === 'auto') return identity.ports
    throw new HerdError('SPEC_CHANGED', `The servers of "${spec.name}" run on port ${current[0]} and up.`, {
      hint: 'Ports can change while the herd is stopped: pgherd down',
    })
  }
  const free = await Promise.all(current.map((port) => isPortFree(spec.host, port)))
  if (wanted === 'auto' && free.every(Boolean)) return identity.ports
  return choosePorts(
    spec,
    wanted,
    nodesOf(identity).map(({ name }) => name),
  )
}

/**
 * The port of the proxy: the one it has, unless another was asked for since; a free one where the spec
 * says so, or where a node of this herd stands on the one it names.
 */
export async function chooseProxyPort(
  known: HerdIdentity | null,
  spec: HerdSpec,
  ports: Readonly<Record<string, number>>,
  override: number | 'auto' | undefined,
): Promise<number | undefined> {
  const { proxy } = spec
  if (proxy === false) return known?.proxyPort
  const nodes = Object.values(ports)
  const before = known?.spec.proxy ? known.spec.proxy.port : undefined
  const current = known?.proxyPort
  const isKept = current !== undefined && before === proxy.port && !nodes.includes(current)
  if (isKept && (override !== 'auto' || (await isPortFree(proxy.host, current)))) return current
  const wanted = override === 'auto' ? 'auto' : proxy.port
  if (wanted !== 'auto' && !nodes.includes(wanted)) return wanted
  return findFreePorts(proxy.host, 1, Math.max(...nodes) + 1)
}

/** Of a spec that names none. */
const API_PORT = 7440

/**
 * The port of the control API: the one it has, unless another was asked for since. Where the spec names none it
 * is the usual one if nobody has that; what looks on needs no fixed place.
 */
export async function chooseApiPort(
  known: HerdIdentity | null,
  spec: HerdSpec,
  taken: readonly number[],
  override: number | 'auto' | undefined,
): Promise<number | undefined> {
  const { api } = spec
  if (api === false) return known?.apiPort
  const before = known?.spec.api ? known.spec.api.port : undefined
  const current = known?.apiPort
  if (current !== undefined && before === api.port && !taken.includes(current)) return current
  if (typeof api.port === 'number' && override !== 'auto') return api.port
  const usesUsual = api.port === undefined && spec.port !== 'auto' && override !== 'auto'
  if (usesUsual && !taken.includes(API_PORT) && (await isPortFree(api.host, API_PORT))) return API_PORT
  return findFreePorts(api.host, 1, Math.max(...taken) + 1)
}

/** Throws PORT_TAKEN, naming who holds the port where the system tells. */
export async function refuseTakenPorts(
  wanted: readonly { name: string; host: string; port: number; field?: string }[],
): Promise<void> {
  for (const { name, host, port, field = 'port' } of wanted) {
    if (await isPortFree(host, port)) continue
    const holder = await whoHoldsPort(port)
    const by = holder === null ? 'another program' : `${shorten(holder.command)} (process ${holder.pid})`
    throw new HerdError('PORT_TAKEN', `Port ${port}, wanted for ${name}, is in use by ${by}.`, {
      hint: `Stop it, give another "${field}:" in the spec, or let pgherd choose: pgherd up --port auto`,
    })
  }
}

function shorten(command: string): string {
  return command.length > 100 ? `${command.slice(0, 99)}…` : command
}
