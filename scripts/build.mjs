// Compiles every package into its dist/ and makes `npx pgherd` work in this checkout.
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { buildPage } from './build-page.mjs'
import { runTool } from './run-tool.mjs'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const PROGRAM = join(ROOT, 'packages/pgherd/dist/bin.js')

/** Returns the exit code of the first that fails. Incremental: half a second when nothing changed. */
export function build() {
  for (const name of readdirSync(join(ROOT, 'packages'))) removeOrphans(join(ROOT, 'packages', name))
  const status = runTool('typescript/bin/tsc', ['-b']) || buildPage(join(ROOT, 'packages/dashboard'))
  if (status === 0) linkProgram()
  return status
}

/** A file whose source was deleted or renamed would still be found by imports, and be published. */
function removeOrphans(folder) {
  const dist = join(folder, 'dist')
  // What a bundler made has no source of its name, and the bundler empties its folder by itself.
  if (!existsSync(dist) || existsSync(join(folder, 'vite.config.ts'))) return
  for (const path of readdirSync(dist, { recursive: true })) {
    const source = path.replace(/(?:\.d\.ts|\.js)$/, '.ts')
    if (source !== path && !existsSync(join(folder, 'src', source))) rmSync(join(dist, path))
  }
}

/** npm links a program only if it is there when it installs; this one is built afterwards. */
function linkProgram() {
  if (!existsSync(PROGRAM)) return
  chmodSync(PROGRAM, 0o755)
  const link = join(ROOT, 'node_modules/.bin/pgherd')
  if (existsSync(link)) return
  mkdirSync(join(ROOT, 'node_modules/.bin'), { recursive: true })
  rmSync(link, { force: true })
  symlinkSync('../pgherd/dist/bin.js', link)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  // npm also asks for a build (`prepare`) when it only rewrites its lock file, or leaves out what builds.
  const mayBuild = existsSync(join(ROOT, 'node_modules/typescript'))
  if (mayBuild || !process.argv.includes('--if-installed')) process.exitCode = build()
}
