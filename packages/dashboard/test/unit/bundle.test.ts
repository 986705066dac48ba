import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const VITE = fileURLToPath(new URL('../../../../node_modules/vite/bin/vite.js', import.meta.url))
const AT_MOST_BYTES = 150_000

let folder: string
let scripts: string
let document: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'page-'))
  // In a process of its own: this one is a test's, for which React would be bundled with all its checks.
  const args = [VITE, 'build', ROOT, '--outDir', folder, '--emptyOutDir']
  await promisify(execFile)(process.execPath, args, { env: { ...process.env, NODE_ENV: 'production' } })
  const files = readdirSync(join(folder, 'assets')).filter((name) => name.endsWith('.js'))
  scripts = files.map((name) => readFileSync(join(folder, 'assets', name), 'utf8')).join('\n')
  document = readFileSync(join(folder, 'index.html'), 'utf8')
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test(`all scripts together are under ${AT_MOST_BYTES} bytes compressed`, () => {
  const bytes = gzipSync(scripts).length
  expect(bytes).toBeGreaterThan(40_000)
  expect(bytes).toBeLessThan(AT_MOST_BYTES)
})

test('the checks of the API are not in them', () => {
  expect(scripts).not.toContain('ZodError')
})

test('the document has no script or style of its own, and asks nobody else', () => {
  expect(document).not.toMatch(/<script(?![^>]*src=)|<style|style=|https?:/)
})
