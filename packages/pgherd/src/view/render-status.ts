import type { GroupStatus, HerdStatus, NodeStatus } from '@pgherd/core'
import pc from 'picocolors'
import { alignColumns } from './columns.js'
import { formatBytes, formatDuration } from './format-quantity.js'

/** The topology as a person reads it: a line for each group, a line for each node. */
export function renderStatus(status: HerdStatus): string {
  const { groups, proxy, api } = status
  const parts = groups.map((group) => renderGroup(group))
  const addresses = [
    ...(proxy === null ? [] : [renderProxy(proxy)]),
    ...(api === null ? [] : [`${pc.bold('page')}   ${api.url}`]),
  ]
  return [...parts, ...(addresses.length === 0 ? [] : [addresses.join('\n')])].join('\n\n')
}

function renderProxy({ host, port }: NonNullable<HerdStatus['proxy']>): string {
  return `${pc.bold('proxy')}  ${host.includes(':') ? `[${host}]` : host}:${port}`
}

function renderGroup(group: GroupStatus): string {
  const phase = group.phase === 'steady' ? '' : `  ${pc.yellow(group.phase)}`
  const title = `${pc.bold(group.name)}  ${pc.dim(`epoch ${group.epoch} · ${group.durability}`)}${phase}`
  const header = ['NODE', 'ROLE', 'STATE', 'ADDRESS', 'LSN', 'LAG', 'SYNC', 'PID'].map((name) => pc.dim(name))
  const table = alignColumns([header, ...group.nodes.map(nodeRow)], [])
  const blocked = group.blocked === null ? '' : `\n${pc.red(`Nobody may take over: ${group.blocked}.`)}`
  const stalled = group.stalled === null ? '' : `\n${pc.red(group.stalled)}`
  return `${title}\n${table}${stalled}${blocked}`
}

function nodeRow(node: NodeStatus): string[] {
  return [
    node.name,
    node.role === 'primary' ? pc.green(node.role) : node.role === 'none' ? pc.dim('-') : node.role,
    paintState(node.state),
    `${node.host}:${node.port}`,
    node.lsn ?? pc.dim('-'),
    renderLag(node),
    node.sync ?? pc.dim('-'),
    node.pid === null ? pc.dim('-') : String(node.pid),
  ]
}

function paintState(state: NodeStatus['state']): string {
  if (state === 'running') return pc.green(state)
  if (state === 'starting' || state === 'copying') return pc.yellow(state)
  return pc.red(state)
}

function renderLag({ lagBytes, lagMs }: NodeStatus): string {
  if (lagBytes === null || lagMs === null) return pc.dim('-')
  return lagBytes === 0 ? '0' : `${formatBytes(lagBytes)}, ${formatDuration(lagMs)}`
}
