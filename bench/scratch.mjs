import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * A folder for one benchmark, deleted only when all is measured: on some file systems making files is
 * slow for a while after many were deleted, which would be measured too.
 */
export function makeScratch() {
  const dir = mkdtempSync(join(tmpdir(), 'pgherd-bench-'))
  chmodSync(dir, 0o711)
  const data = join(dir, 'data')
  mkdirSync(data, { mode: 0o711 })
  process.env.PGHERD_DATA = data
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) }
}
