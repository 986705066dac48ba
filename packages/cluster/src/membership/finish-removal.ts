import { HerdError } from '@pgherd/core'
import type { GroupSupervisor } from '../supervisor/group-supervisor.js'
import { deleteCopy } from './delete-copy.js'
import type { MembershipParts, MembershipReport } from './herd-membership.js'
import type { MemberBook } from './member-book.js'
import type { Waiting } from './waiting.js'

/** What a change of membership works with. */
export interface MembershipWork {
  readonly parts: MembershipParts
  readonly book: MemberBook
  readonly waiting: Waiting
}

/**
 * Removes a standby that is written down as leaving, with its copy of the data. Can be cut off at any point and
 * done again (I10). Resolves to why files of it are left, or null.
 *
 * Throws OPERATION_FAILED where it is needed, and after `patienceMs`; it then stays what it was.
 */
export async function finishRemoval(
  { parts, book, waiting }: MembershipWork,
  group: GroupSupervisor,
  name: string,
  patienceMs: number,
  report: MembershipReport,
): Promise<HerdError | null> {
  await whenReleased({ parts, book, waiting }, group, name, patienceMs, report).catch(
    async (error: unknown) => {
      // It is written down still, so the next supervisor carries on.
      if (waiting.isClosed) throw error
      // Whoever counts on it again must be told so before it is.
      await book.noteStaying(name)
      group.letLeave(book.leaving)
      parts.onChange()
      throw error
    },
  )
  // From here on there is no way back: nobody looks after it any more.
  report(`Stopping ${name}`, null)
  const { paths } = book.nodeNamed(name)
  await group.halt(name)
  report(`Waiting until the primary keeps no WAL for ${name}`, null)
  await waiting.until(Number.POSITIVE_INFINITY, () => (group.hasNoSlotFor(name) ? null : 'it does'))
  report(`Deleting the data of ${name}`, null)
  const left = await deleteCopy(paths)
  await book.strike(group.name, name)
  group.forget(name)
  parts.tell('node-removed', group.name, name, `${name} is removed from ${group.name}.`)
  if (left !== null) parts.tell('data-left', group.name, name, left.message)
  parts.onChange()
  return left
}

/** Nothing depends on it, and nobody reads from it. Throws OPERATION_FAILED where it is needed. */
async function whenReleased(
  { parts, book, waiting }: MembershipWork,
  group: GroupSupervisor,
  name: string,
  patienceMs: number,
  report: MembershipReport,
): Promise<void> {
  const once = (isOver: () => boolean): Promise<void> =>
    waiting.until(patienceMs, () => {
      if (group.primary()?.name === name)
        throw new HerdError('OPERATION_FAILED', `${name} has become the primary of ${group.name}.`)
      return isOver() ? null : 'the others do not have all that it has yet'
    })
  report(`Waiting until nothing depends on ${name}`, null)
  group.letLeave(book.leaving)
  await once(() => group.hasLetGo(name))
  report(`Waiting until nobody uses ${name}`, null)
  await parts.whenUnused(book.nodeNamed(name))
  await once(() => group.release(name))
}
