import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { AuditLog, type WrittenEntry } from '../../src/api/access/audit-log.js'

const folder = mkdtempSync(join(tmpdir(), 'audit-'))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function entryOf(who: string, at: string): Omit<WrittenEntry, 'id'> {
  const request = {
    method: 'POST',
    path: `/v1/sql?${'x'.repeat(5000)}`,
    status: 401,
    what: 'y'.repeat(20_000),
  }
  return { at, who, from: '127.0.0.1', action: 'sql', job: null, ...request }
}

test('strangers cannot push out what others did: of an hour a hundred of their requests are kept', async () => {
  const log = new AuditLog(join(folder, 'audit.ndjson'))
  await log.open()
  log.add(entryOf('acting', '2030-01-01T10:00:00Z'))
  for (let at = 0; at < 5000; at++) log.add(entryOf('nobody', '2030-01-01T10:59:00Z'))
  log.add(entryOf('nobody', '2030-01-01T11:00:00Z'))
  const kept = await log.read({ before: Number.POSITIVE_INFINITY, count: 1000, isWanted: () => true })
  expect(kept.map(({ who }) => who)).toEqual([...new Array(101).fill('nobody'), 'acting'])
  expect(kept[0]?.at).toBe('2030-01-01T11:00:00Z')
  expect(kept[0]?.path.length).toBeLessThan(400)
  expect(kept[0]?.what?.length).toBeLessThan(10_100)
  await log.flush()
})
