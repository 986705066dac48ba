import { type HerdIdentity, membersOf } from './state/herd-identity.js'
import { nodePaths } from './state/herd-paths.js'
import type { Node } from './supervisor/node.js'

/** Every node of a herd, in the order of the spec. */
export function nodesOf(identity: HerdIdentity): Node[] {
  const { spec, dataRoot, ports } = identity
  return spec.groups.flatMap((group) =>
    membersOf(identity, group).map((name): Node => {
      const paths = nodePaths(dataRoot, name)
      const address = { host: spec.host, port: ports[name] as number }
      return {
        name,
        group: group.name,
        paths,
        server: { name, dataDir: paths.data, logFile: paths.log, address },
      }
    }),
  )
}
