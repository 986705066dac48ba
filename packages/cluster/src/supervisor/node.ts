import type { Server } from '../postgres/index.js'
import type { NodePaths } from '../state/herd-paths.js'

/** One node of a herd on this machine. */
export interface Node {
  name: string
  group: string
  server: Server
  paths: NodePaths
}
