import type { GroupSettings } from './decision.js'
import type { GroupMemory } from './group-memory.js'

export function isLeaving({ leaving = [] }: GroupSettings, name: string): boolean {
  return leaving.includes(name)
}

/**
 * Whether a standby that is being removed is needed for nothing any more: no commit was acknowledged under a rule
 * that counts on it and is still on record, so whatever it has, enough of the others have too (I1).
 */
export function isLetGo(settings: GroupSettings, memory: GroupMemory, name: string): boolean {
  const [reign, ...older] = memory.reigns
  return (
    isLeaving(settings, name) &&
    memory.phase === 'steady' &&
    name !== memory.primary &&
    reign !== undefined &&
    older.length === 0 &&
    reign.rules.every(({ members }) => !members.includes(name))
  )
}
