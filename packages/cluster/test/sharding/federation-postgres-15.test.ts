import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { syncFederation } from '../../src/index.js'
import { skipBecause } from '../postgres/scratch-server.js'
import { syncOptions } from './federated-herd.js'
import { compareAnswers, oracleHerd } from './oracle-herd.js'

const PG15 = '/usr/lib/postgresql/15/bin'

test('PostgreSQL 15 answers as one database does, and says what it cannot', {
  timeout: 180_000,
}, async () => {
  if (!existsSync(PG15)) return skipBecause(`there is no PostgreSQL 15 in ${PG15}`)
  // The rest of the line that this is put into becomes a comment.
  const herd = await oracleHerd(`work_mem: 4MB }, version: 15, bin: ${PG15} } #`)
  await compareAnswers(herd, 150)
  const options = await syncOptions(herd, {})
  await expect(
    syncFederation({ ...options, readers: [{ role: 'app', login: 'passthrough' }] }),
  ).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
})
