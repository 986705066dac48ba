// Bundles the dashboard, when something it is made of has changed since.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { runTool } from './run-tool.mjs'

/** Returns the bundler's exit code; 0 when nothing is to be done. */
export function buildPage(folder) {
  const page = join(folder, 'dist/index.html')
  const sources = ['src', 'index.html', 'package.json', 'vite.config.ts'].map((name) => join(folder, name))
  if (existsSync(page) && Math.max(...sources.map(newestIn)) < statSync(page).mtimeMs) return 0
  return runTool('vite/bin/vite.js', ['build', folder])
}

/** The time of the last change, in milliseconds; a folder's own tells of files that were deleted. */
function newestIn(path) {
  const { mtimeMs } = statSync(path)
  if (!statSync(path).isDirectory()) return mtimeMs
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => newestIn(join(path, name))))
}
