import { randomInt } from 'node:crypto'
import { HerdError } from '@pgherd/core'
import { type HerdSpec, nodeNames } from '@pgherd/core/spec'
import { findFreePorts, isPortFree, whoHoldsPort } from './postgres/ports.js'

/** Below what Linux and macOS hand out to outgoing connections, which could take a port at any moment. */
const AUTO_PORTS = { from: 20_000, to: 32_000 }

/**
 * Gives every node its port: in order from the spec's first one, or from a free stretch. The search for
 * that begins at a random place, so that herds made at the same moment do not choose the same.
 */
export async function choosePorts(spec: HerdSpec): Promise<Record<string, number>> {
  const names = spec.groups.flatMap(nodeNames)
  const first =
    spec.port === 'auto'
      ? await findFreePorts(spec.host, names.length, randomInt(AUTO_PORTS.from, AUTO_PORTS.to))
      : spec.port
  const ports = names.map((name, index) => [name, first + index] as const)
  await refuseTakenPorts(ports.map(([name, port]) => ({ name, host: spec.host, port })))
  return Object.fromEntries(ports)
}

/** Throws PORT_TAKEN, naming who holds the port where the system tells. */
export async function refuseTakenPorts(
  wanted: readonly { name: string; host: string; port: number }[],
): Promise<void> {
  for (const { name, host, port } of wanted) {
    if (await isPortFree(host, port)) continue
    const holder = await whoHoldsPort(port)
    const by = holder === null ? 'another program' : `${shorten(holder.command)} (process ${holder.pid})`
    throw new HerdError('PORT_TAKEN', `Port ${port}, wanted for ${name}, is in use by ${by}.`, {
      hint: 'Stop it, give another "port:" in the spec, or let pgherd choose: pgherd up --port auto',
    })
  }
}

function shorten(command: string): string {
  return command.length > 100 ? `${command.slice(0, 99)}…` : command
}
