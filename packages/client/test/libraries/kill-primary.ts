import type { Herd } from '@pgherd/cluster'

/** Ends the server of the primary as a power failure would. Returns the node's name. */
export async function killPrimary(herd: Herd): Promise<string> {
  const { groups } = await herd.status()
  const primary = groups.flatMap(({ nodes }) => nodes).find(({ role }) => role === 'primary')
  if (primary === undefined || primary.pid === null) throw new Error('There is no primary to kill.')
  process.kill(primary.pid, 'SIGKILL')
  return primary.name
}
