import { readdirSync, readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

/** Fields of /proc/PID/stat from the state on; null when the process is gone. */
function fieldsOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(') ') + 2).split(' ')
  } catch {
    return null
  }
}

export function parentOf(pid) {
  return Number(fieldsOf(pid)?.[1] ?? 0)
}

/**
 * Processor seconds that each of these processes has used with all of its children, those that have ended
 * too.
 */
export function cpuSecondsOf(pids) {
  const seconds = new Map(pids.map((pid) => [pid, 0]))
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const pid = Number(name)
    const fields = fieldsOf(pid)
    if (fields === null) continue
    const [user, system, endedUser, endedSystem] = fields.slice(11, 15).map(Number)
    const parent = Number(fields[1])
    if (seconds.has(pid))
      seconds.set(pid, seconds.get(pid) + (user + system + endedUser + endedSystem) / TICKS_PER_SECOND)
    else if (seconds.has(parent))
      seconds.set(parent, seconds.get(parent) + (user + system) / TICKS_PER_SECOND)
  }
  return pids.map((pid) => seconds.get(pid))
}

/** What of it is in memory. */
export function residentKilobytes(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
}
