import type { AuditEntry } from '@pgherd/core/api'

/** What was asked for: the statement, or the request with its body. */
export function describeRequest({ action, method, path, what }: AuditEntry): string {
  const body = what === null || what === '{}' ? '' : what
  return (action === 'sql' && textOf(body)) || `${method} ${path} ${body}`.trim()
}

/** Nothing for a body that was cut off, or is none of ours. */
function textOf(body: string): string {
  try {
    const { text } = JSON.parse(body) as { text?: unknown }
    return typeof text === 'string' ? text : ''
  } catch {
    return ''
  }
}
