import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { HerdStatus } from '@pgherd/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const PACKAGES = ['core', 'client', 'proxy', 'cluster', 'pgherd']

let folder: string
let project: string
let herdMayBeUp = false

async function run(cwd: string, command: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { cwd, timeout: 170_000 })
  return stdout
}

/** What somebody has after `npm install pgherd` in an empty folder. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pack-'))
  project = join(folder, 'project')
  await run(ROOT, process.execPath, 'scripts/build.mjs')
  for (const name of PACKAGES)
    await run(join(ROOT, 'packages', name), 'npm', 'pack', '--pack-destination', folder)
  const tarballs = (await readdir(folder)).filter((name) => name.endsWith('.tgz'))
  await mkdir(project)
  await writeFile(join(project, 'package.json'), '{ "name": "project", "private": true }\n')
  await run(project, 'npm', 'install', '--no-audit', '--no-fund', ...tarballs.map((name) => `../${name}`))
}, 180_000)

afterAll(async () => {
  if (herdMayBeUp) await run(project, 'npx', 'pgherd', 'down', '--destroy', '--yes').catch(() => {})
  await rm(folder, { recursive: true, force: true })
})

describe.each([
  ['@pgherd/core', ['herd.schema.json']],
  ['@pgherd/client', []],
  ['@pgherd/proxy', []],
  ['@pgherd/cluster', []],
  ['pgherd', ['page']],
])('the package %s', (name, more) => {
  test('has its license, its readme and compiled code, and nothing of the workshop', async () => {
    const root = join(project, 'node_modules', name)
    expect((await readdir(root)).sort()).toEqual(
      ['LICENSE', 'README.md', 'dist', 'package.json', ...more].sort(),
    )
    const shipped = await readdir(join(root, 'dist'), { recursive: true, withFileTypes: true })
    const odd = shipped.filter((entry) => entry.isFile() && !/\.(?:js|d\.ts)$/.test(entry.name))
    expect(odd.map((entry) => entry.name)).toEqual([])
  })
})

test('what the packages export can be imported', async () => {
  const code = `
    const { formatLsn } = await import('@pgherd/core')
    const { parseSpec } = await import('@pgherd/core/spec')
    const { decideGroup } = await import('@pgherd/core/failover')
    const { openHerd } = await import('@pgherd/cluster')
    const { createPool } = await import('@pgherd/client')
    const { WireProxy } = await import('@pgherd/proxy')
    const { default: schema } = await import('@pgherd/core/herd.schema.json', { with: { type: 'json' } })
    console.log(typeof formatLsn, parseSpec('name: a', 'a.yaml').name, typeof decideGroup, typeof openHerd, typeof createPool, typeof WireProxy, schema.type)`
  const printed = await run(project, process.execPath, '--no-warnings', '--input-type=module', '--eval', code)
  expect(printed.trim()).toBe('function a function function function function object')
})

describe('the command', () => {
  test('explains itself', async () => {
    expect(await run(project, 'npx', 'pgherd', '--help')).toMatch(/\bup\b.*\bstatus\b.*\bdown\b/s)
  })

  test('runs a herd without a spec and takes it away again', { timeout: 180_000 }, async () => {
    herdMayBeUp = true
    await run(project, 'npx', 'pgherd', 'up', '--detach', '--port', 'auto')
    const status = JSON.parse(await run(project, 'npx', 'pgherd', 'status', '--json')) as HerdStatus
    expect(status.proxy).toEqual({ host: '127.0.0.1', port: expect.any(Number) })
    expect(status.groups.flatMap((group) => group.nodes.map((node) => [node.role, node.state]))).toEqual([
      ['primary', 'running'],
      ['standby', 'running'],
      ['standby', 'running'],
    ])
    const page = await fetch(status.api?.url as string, { headers: { accept: 'text/html' } })
    const script = /src="\.?(\/assets\/[^"]+)"/.exec(await page.text())?.[1]
    expect((await fetch(`${status.api?.url}${script}`)).status).toBe(200)
    await run(project, 'npx', 'pgherd', 'down', '--destroy', '--yes')
    herdMayBeUp = false
  })
})
