import { type GroupMemory, PHASES } from '@pgherd/core/failover'
import { readState, writeDurably } from './durable-file.js'

export function readGroupMemory(path: string): Promise<GroupMemory | null> {
  return readState(path, (value): value is GroupMemory => {
    const memory = value as Partial<GroupMemory> | null
    return (
      typeof memory?.epoch === 'number' &&
      typeof memory.primary === 'string' &&
      Array.isArray(memory.reigns) &&
      PHASES.some((phase) => phase === memory.phase)
    )
  })
}

export function writeGroupMemory(path: string, memory: GroupMemory): Promise<void> {
  return writeDurably(path, `${JSON.stringify(memory, null, 2)}\n`)
}
