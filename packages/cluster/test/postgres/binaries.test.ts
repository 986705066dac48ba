import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { canRead, ensureTemplate, findBinaries } from '../../src/postgres/index.js'
import { readyNpmPackage } from '../../src/postgres/npm-binaries.js'
import { failureOf, isRoot, scratchFolder, skipBecause, user } from './scratch-server.js'

afterEach(() => vi.unstubAllEnvs())

async function packagedNative(): Promise<string> {
  const { dir } = await findBinaries({ version: 18, bin: null }, user)
  return dirname(dir)
}

/** An npm package as it is unpacked when scripts are off: no symbolic links. */
async function packageWithoutLinks(folder: string): Promise<{ root: string; packageVersion: string }> {
  const native = await packagedNative()
  const root = join(folder, 'package')
  mkdirSync(root)
  cpSync(native, join(root, 'native'), { recursive: true, verbatimSymlinks: true })
  for (const { target } of linksOf(native)) rmSync(join(root, target))
  return { root, packageVersion: '18.4.0-beta.17' }
}

function linksOf(native: string): { target: string }[] {
  return JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'))
}

test('the packaged programs are found in a few milliseconds', async () => {
  await packagedNative()
  const times: number[] = []
  for (let time = 0; time < 10; time++) {
    const begin = performance.now()
    await findBinaries({ version: 18, bin: null }, user)
    times.push(performance.now() - begin)
  }
  // Whatever else the machine does makes it slower, never quicker.
  expect(Math.min(...times)).toBeLessThan(50)
  const found = await findBinaries({ version: 18, bin: null }, user)
  expect(found).toMatchObject({ major: 18, source: 'npm' })
  expect(found.version).toMatch(/^18\.\d+$/)
})

test('missing symbolic links of the package are made', async () => {
  const folder = scratchFolder()
  const unpacked = await packageWithoutLinks(folder)
  const { dir } = readyNpmPackage(unpacked, user)
  expect(dir).toBe(join(unpacked.root, 'native/bin'))
  for (const { target } of linksOf(dirname(dir))) expect(existsSync(join(unpacked.root, target))).toBe(true)
})

if (!isRoot) skipBecause('only root runs servers as another account')
test.skipIf(!isRoot)('programs in a folder closed to the server user are copied, once, and run', async () => {
  const folder = scratchFolder()
  vi.stubEnv('PGHERD_CACHE', join(scratchFolder(), 'cache'))
  const closed = join(folder, 'closed')
  mkdirSync(closed, { mode: 0o700 })
  const unpacked = await packageWithoutLinks(closed)
  const { dir, version } = readyNpmPackage(unpacked, user)
  expect(dir).not.toContain(closed)
  expect(canRead(user, join(dir, 'postgres'))).toBe(true)
  expect(readyNpmPackage(unpacked, user).dir).toBe(dir)
  const programs = { initdb: join(dir, 'initdb'), postgres: join(dir, 'postgres'), pgRewind: null }
  const template = await ensureTemplate({ dir, version, major: 18, source: 'npm', ...programs }, user)
  expect(existsSync(join(template.dir, 'global/pg_control'))).toBe(true)
})

const debian = '/usr/lib/postgresql/15/bin'
if (!existsSync(debian)) skipBecause('PostgreSQL 15 is not installed')
test.skipIf(!existsSync(debian))(
  'an installed PostgreSQL is found by version, folder or program',
  async () => {
    const byVersion = await findBinaries({ version: 15, bin: null }, user)
    expect(byVersion).toMatchObject({ major: 15, source: 'system', postgres: join(debian, 'postgres') })
    expect(byVersion.pgRewind).toBe(join(debian, 'pg_rewind'))
    for (const bin of [debian, dirname(debian), join(debian, 'postgres')]) {
      expect(await findBinaries({ version: 15, bin }, user)).toMatchObject({
        dir: debian,
        source: 'configured',
      })
    }
    const wrong = await failureOf(findBinaries({ version: 16, bin: debian }, user))
    expect(wrong.code).toBe('BINARIES_MISSING')
    expect(wrong.message).toMatch(/PostgreSQL 15.*version 16/)
  },
)

test('what is not found is told with where it was looked for and what to do', async () => {
  vi.stubEnv('PGHERD_CACHE', join(scratchFolder(), 'cache'))
  vi.stubEnv('PGHERD_OFFLINE', '1')
  const missing = await failureOf(findBinaries({ version: 14, bin: null }, user))
  expect(missing.code).toBe('BINARIES_MISSING')
  expect(missing.message).toContain('/usr/lib/postgresql/14/bin')
  expect(missing.hint).toContain('postgres.bin')
  const offline = await failureOf(findBinaries({ version: 17, bin: null }, user))
  expect(offline.message).toContain('PGHERD_OFFLINE')
  const nowhere = await failureOf(findBinaries({ version: 18, bin: '/nowhere' }, user))
  expect(nowhere.message).toContain('/nowhere')
})

test('two makers of one template end with the same one, and a damaged one is made again', async () => {
  const cache = join(scratchFolder(), 'cache')
  vi.stubEnv('PGHERD_CACHE', cache)
  const binaries = await findBinaries({ version: 18, bin: null }, user)
  const [one, two] = await Promise.all([ensureTemplate(binaries, user), ensureTemplate(binaries, user)])
  expect(one).toEqual(two)
  rmSync(join(dirname(one.dir), 'ready'))
  const again = await ensureTemplate(binaries, user)
  expect(again.dir).toBe(one.dir)
  expect(again.superuserPassword).not.toBe(one.superuserPassword)
  expect(readdirSync(join(cache, 'templates'))).toHaveLength(1)
})

test.skipIf(!isRoot)('a cache that the server user cannot reach is refused', async () => {
  // Found first: from a checkout in a closed folder they are copied to the cache too.
  const binaries = await findBinaries({ version: 18, bin: null }, user)
  const closed = scratchFolder()
  chmodSync(closed, 0o700)
  vi.stubEnv('PGHERD_CACHE', join(closed, 'cache'))
  expect((await failureOf(ensureTemplate(binaries, user))).code).toBe('PERMISSION_DENIED')
})
