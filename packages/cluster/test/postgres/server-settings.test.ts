import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { prepareDataDirectory, renderSettings } from '../../src/postgres/index.js'
import { failureOf, scratchServer, user } from './scratch-server.js'

test('PostgreSQL reads back every value as it was given', async () => {
  const { start, connect } = await scratchServer()
  const nasty = String.raw`it's a \back\\slash, a "quote", an ''other, # no comment, ünïcode \n \101`
  await start({ 'app.nasty': nasty, 'app.empty': '', work_mem: '8MB', jit: false, random_page_cost: 1.1 })
  const client = await connect()
  const { rows } = await client.query(`select current_setting('app.nasty') as nasty,
    current_setting('app.empty') as empty, current_setting('work_mem') as work_mem,
    current_setting('jit') as jit, current_setting('random_page_cost') as cost`)
  expect(rows).toEqual([{ nasty, empty: '', work_mem: '8MB', jit: 'off', cost: '1.1' }])
})

test('what a settings file cannot hold is refused', () => {
  expect(() => renderSettings({ 'a b': 1 })).toThrow(/a b/)
  expect(() => renderSettings({ a: 'one\ntwo' })).toThrow(/one line/)
  expect(() => renderSettings({ a: Number.NaN })).toThrow(/finite/)
})

test('preparing twice includes our settings once, and last', async () => {
  const { server } = await scratchServer()
  const path = join(server.dataDir, 'postgresql.conf')
  await appendFile(path, "work_mem = '1MB'\n")
  await prepareDataDirectory(server.dataDir, user, { allowFrom: ['10.0.0.0/8', '192.168.0.7'] })
  await prepareDataDirectory(server.dataDir, user, { allowFrom: ['10.0.0.0/8', '192.168.0.7'] })
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
  expect(lines.filter((line) => line.includes('pgherd.conf'))).toHaveLength(1)
  expect(lines.at(-1)).toBe("include_if_exists = 'pgherd.conf'")
  expect(lines.at(-2)).toBe("work_mem = '1MB'")
  const access = await readFile(join(server.dataDir, 'pg_hba.conf'), 'utf8')
  expect(access).toContain('host replication all 192.168.0.7/32 scram-sha-256')
  expect(access).not.toMatch(/trust|md5|password/)
})

test('an address to allow in cannot smuggle in a rule', async () => {
  const { server } = await scratchServer()
  const smuggled = prepareDataDirectory(server.dataDir, user, { allowFrom: ['all trust\nhost all'] })
  expect((await failureOf(smuggled)).code).toBe('SPEC_INVALID')
})
