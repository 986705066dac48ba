import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const BIOME = join(ROOT, 'node_modules/@biomejs/biome/bin/biome')
const PURE = 'core is pure: time, chance and I/O come in as arguments'
const CORE = 'core imports nothing of ours'
const CLUSTER = 'cluster imports only @pgherd/core of ours'
const LEAVES = 'A relative import stays in its package'

let folder: string | undefined
afterEach(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true })
})

/** What a person reads when the linter of this repository meets a file of this content at this path. */
function lint(path: string, code: string): string {
  folder = mkdtempSync(join(tmpdir(), 'imports-'))
  for (const file of ['biome.json', 'packages/core/package.json', 'packages/cluster/package.json']) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    copyFileSync(join(ROOT, file), join(folder, file))
  }
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), code)
  const args = ['lint', '--vcs-enabled=false', '--max-diagnostics=none', '--error-on-warnings', path]
  const { status, stderr } = spawnSync(process.execPath, [BIOME, ...args], { cwd: folder, encoding: 'utf8' })
  return status === 0 ? 'allowed' : stderr
}

describe('what is forbidden is reported with the reason', () => {
  const [core, cluster] = ['packages/core/src/failover/scratch.ts', 'packages/cluster/src/scratch.ts']
  test.each([
    [core, "import '@pgherd/cluster'", CORE],
    [core, "export { up } from 'pgherd'", CORE],
    [core, "import type { Pool } from '@pgherd/client'\nexport type P = Pool", CORE],
    [core, "import 'node:fs'", PURE],
    [core, "export const os = await import('node:os')", PURE],
    [core, 'export const now = Date.now()', PURE],
    [core, 'export const today = new Date()', PURE],
    [core, 'export const dice = Math.random()', PURE],
    [core, 'export const ms = performance.now()', PURE],
    [core, 'export const pid = process.pid', PURE],
    [core, 'setTimeout(() => {}, 1)', PURE],
    [core, "import '../../../cluster/src/herd.js'", LEAVES],
    [core, "import '../../../../scripts/build.mjs'", LEAVES],
    [core, "import 'pg'", 'packages/core/package.json'],
    [cluster, "import 'pgherd'", CLUSTER],
    [cluster, "import '@pgherd/client'", CLUSTER],
    [cluster, "import '../../core/src/errors.js'", LEAVES],
    [cluster, "import 'vitest'", 'packages/cluster/package.json'],
    ['packages/core/test/scratch.test.ts', "import '@pgherd/cluster'", CORE],
    ['packages/client/src/scratch.ts', "import '@pgherd/cluster'", 'client imports only @pgherd/core'],
    ['packages/proxy/src/scratch.ts', "import '@pgherd/cluster'", 'proxy imports only @pgherd/core'],
    ['packages/kv/src/scratch.ts', "import '@pgherd/client'", 'kv imports only @pgherd/core'],
    ['packages/dashboard/src/scratch.ts', "import '@pgherd/core'", 'dashboard is a page that speaks HTTP'],
  ])('%s: %s', (path, code, reason) => {
    expect(lint(path, `${code}\n`)).toContain(reason)
  })
})

test('what the arrows allow is not reported', () => {
  const code = "import '@pgherd/core'\nimport '@pgherd/core/failover'\nimport 'node:fs'\nimport 'pg'\n"
  expect(lint('packages/cluster/src/scratch.ts', code)).toBe('allowed')
  expect(lint('packages/cluster/test/scratch.test.ts', "import 'vitest'\nimport '../src/index.js'\n")).toBe(
    'allowed',
  )
  expect(
    lint('packages/client/test/scratch.test.ts', "import '@pgherd/cluster'\nimport '../src/index.js'\n"),
  ).toBe('allowed')
})
