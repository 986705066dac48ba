import { HerdError } from '@pgherd/core'
import type { GroupSupervisor } from '../supervisor/group-supervisor.js'
import { finishRemoval, type MembershipWork } from './finish-removal.js'
import type { MembershipReport } from './herd-membership.js'

/** Copies and starts that failed in a row: after so many the node is not wanted any more. */
const MOST_FAILURES = 4
/** Why a node that was removed while it was being added is taken back. */
const UNWANTED = 'it was removed before it was done'

/**
 * Resolves when a standby that is written down as joining streams and counts. One that cannot be made, or is not
 * wanted any more, is taken back, and then this throws why.
 */
export async function whenJoined(
  work: MembershipWork,
  group: GroupSupervisor,
  name: string,
  report: MembershipReport,
): Promise<void> {
  const { parts, book, waiting } = work
  while (book.isJoining(name)) {
    waiting.refuseClosed()
    const why = book.isLeaving(name) ? UNWANTED : whyHopeless(group, name)
    if (why !== null) {
      await book.noteLeaving(name)
      await finishRemoval(work, group, name, Number.POSITIVE_INFINITY, report)
      throw takenBack(group, name, why)
    }
    if (group.hasJoined(name)) await book.noteJoined(name)
    else {
      reportOn(group, name, report)
      await waiting.next()
    }
  }
  parts.tell('node-joined', group.name, name, `${name} streams, and ${group.name} counts on it.`)
  parts.onChange()
}

function reportOn(group: GroupSupervisor, name: string, report: MembershipReport): void {
  const { copied = null, running = null } = group.nodes.get(name) ?? {}
  if (copied !== null)
    report(`Copying ${name}`, copied.total === 0 ? null : Math.min(1, copied.bytes / copied.total))
  else if (running !== null) report(`${name} is catching up`, null)
  else if (group.describe().phase === 'steady') report(`Preparing ${name}`, null)
  else report(`Waiting until ${group.name} has a primary`, null)
}

function whyHopeless(group: GroupSupervisor, name: string): unknown {
  const node = group.nodes.get(name)
  if (node === undefined || node.record.failures < MOST_FAILURES) return null
  return node.lastTrouble ?? node.lastFailure ?? 'it could not be copied or started'
}

function takenBack({ name: group }: GroupSupervisor, name: string, cause: unknown): HerdError {
  const code = cause instanceof HerdError ? cause.code : 'OPERATION_FAILED'
  const why = cause instanceof Error ? cause.message : String(cause)
  return new HerdError(code, `${name} was taken back: ${why.replace(/\.$/, '')}.`, {
    ...(cause === UNWANTED ? {} : { hint: `To try it again: pgherd node add ${group}` }),
    cause,
  })
}
