import { isAstray } from './choose-successor.js'
import type { GroupSettings } from './decision.js'
import type { GroupMemory } from './group-memory.js'
import { conditionOf, type GroupObservation, mayWrite, type NodeObservation } from './observation.js'

/** Who was promoted by someone else: noted at once, since after an attempt of ours it cannot be told any more. */
export function namesAstray(settings: GroupSettings, memory: GroupMemory, seen: GroupObservation): string[] {
  const reigned = new Set([memory.primary, memory.successor, ...memory.reigns.map((reign) => reign.primary)])
  return settings.nodes.filter((name) => {
    const node = seen.nodes[name]
    if (node === undefined) return false
    const writesApart = mayWrite(node) && node.busy === null && !reigned.has(name)
    return writesApart || isAstray(node, memory.reigns, memory)
  })
}

export function withAstray(memory: GroupMemory, names: readonly string[]): GroupMemory {
  const known = memory.astray ?? []
  const added = names.filter((name) => !known.includes(name))
  return added.length === 0 ? memory : { ...memory, astray: [...known, ...added] }
}

/**
 * Whether a standby follows the announced primary again. By its own word, which is that of the process
 * that runs now; the primary may not have noticed its end.
 */
export function isBack(node: NodeObservation | undefined, { primary, timeline }: GroupMemory): boolean {
  if (node === undefined || node.answer === null || conditionOf(node) !== 'follows') return false
  const { answer } = node
  return answer.streaming && answer.upstream === primary && answer.timeline === timeline
}

export function withoutAstray(memory: GroupMemory, returned: (name: string) => boolean): GroupMemory {
  const { astray, ...rest } = memory
  const left = astray?.filter((name) => !returned(name)) ?? []
  if (left.length === (astray?.length ?? 0)) return memory
  return left.length === 0 ? rest : { ...rest, astray: left }
}
