import type { ServerReport } from '../protocol/server-messages.js'
import type { LookUp } from '../proxy-facts.js'
import type { AdminCommand } from './admin-command.js'
import { type AdminTable, showTable } from './admin-table.js'

/** What the admin database needs of a proxy. `database` null: all of them. */
export interface Administered {
  readonly look: LookUp
  /** Resolves when nothing runs any more; `abandoned` gives up waiting, not the pause. */
  pause(database: string | null, abandoned?: AbortSignal): Promise<void>
  /** False when nothing was paused. */
  resume(database: string | null): Promise<boolean> | boolean
  /** Replaces connections to servers, each as soon as nobody uses it. */
  reconnect(database: string | null): void
  /** False when there is no such client. */
  kill(client: number): Promise<boolean> | boolean
  reload(): Promise<void>
  shutdown(): void
}

export type AdminAnswer =
  | { readonly kind: 'table'; readonly table: AdminTable }
  | { readonly kind: 'done'; readonly tag: string }
  | { readonly kind: 'refused'; readonly report: ServerReport }

/** Does what a command says. */
export async function obey(
  command: AdminCommand,
  proxy: Administered,
  abandoned: AbortSignal,
): Promise<AdminAnswer> {
  switch (command.kind) {
    case 'SHOW':
      return { kind: 'table', table: await showTable(command.what, proxy, Date.now()) }
    case 'PAUSE':
      await proxy.pause(command.database, abandoned)
      break
    case 'RESUME':
      if (!(await proxy.resume(command.database)))
        return refused('55000', command.database === null ? 'nothing is paused' : notPaused(command.database))
      break
    case 'RECONNECT':
      proxy.reconnect(command.database)
      break
    case 'KILL':
      if (!(await proxy.kill(command.client)))
        return refused('42704', `client ${command.client} does not exist`)
      break
    case 'RELOAD':
      try {
        await proxy.reload()
      } catch (error) {
        return refused('F0000', (error as Error).message)
      }
      break
    case 'SHUTDOWN':
      // Whoever asked is answered first.
      setImmediate(() => proxy.shutdown())
  }
  return { kind: 'done', tag: command.kind }
}

function notPaused(database: string): string {
  return `database "${database}" is not paused`
}

function refused(code: string, message: string): AdminAnswer {
  return { kind: 'refused', report: { severity: 'ERROR', code, message } }
}
