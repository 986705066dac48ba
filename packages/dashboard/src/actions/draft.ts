/** An action as it is being put together in its dialog. */
export type Draft =
  | { kind: 'switchover'; group: string; to: string | null }
  | { kind: 'failover'; group: string; acceptLoss: boolean }
  | { kind: 'add-node'; group: string; count: number }
  | { kind: 'remove-node'; node: string }
  | { kind: 'chaos'; node: string; action: 'kill' | 'pause' | 'resume' }

export interface ActionRequest {
  method: 'POST' | 'DELETE'
  path: string
  body: Record<string, unknown>
}

/** What the API is asked for. */
export function requestOf(draft: Draft): ActionRequest {
  switch (draft.kind) {
    case 'switchover':
      return { method: 'POST', path: pathOf('groups', draft.group, 'switchover'), body: { to: draft.to } }
    case 'failover':
      return {
        method: 'POST',
        path: pathOf('groups', draft.group, 'failover'),
        body: { acceptLoss: draft.acceptLoss },
      }
    case 'add-node':
      return { method: 'POST', path: pathOf('groups', draft.group, 'nodes'), body: { count: draft.count } }
    case 'remove-node':
      return { method: 'DELETE', path: pathOf('nodes', draft.node), body: { confirm: draft.node } }
    case 'chaos':
      return { method: 'POST', path: pathOf('nodes', draft.node, 'chaos'), body: { action: draft.action } }
  }
}

/** The name a person must type first, where data may go. */
export function nameToType(draft: Draft): string | null {
  if (draft.kind === 'remove-node') return draft.node
  if (draft.kind === 'failover' && draft.acceptLoss) return draft.group
  return null
}

function pathOf(...parts: string[]): string {
  return ['v1', ...parts.map(encodeURIComponent)].join('/')
}
