import type { GroupMemory, GroupSettings } from '@pgherd/core/failover'
import type { HerdSpec } from '@pgherd/core/spec'
import type { Binaries, ServerUser } from '../postgres/index.js'
import type { Secrets } from '../state/herd-identity.js'
import type { ManagedNode } from './managed-node.js'

/** What every action on a group's nodes may need. */
export interface GroupContext {
  spec: HerdSpec
  settings: GroupSettings
  systemIdentifier: bigint
  secrets: Secrets
  binaries: Binaries
  user: ServerUser | null
  nodes: ReadonlyMap<string, ManagedNode>
  memory: () => GroupMemory
  tell: (kind: string, node: string | null, message: string) => void
}

export function nodeNamed(context: GroupContext, name: string): ManagedNode {
  const node = context.nodes.get(name)
  if (node === undefined) throw new Error(`no node ${name} in group ${context.settings.name}`)
  return node
}
