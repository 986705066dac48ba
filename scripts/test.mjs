// `npm test`: every check of the repository. `npm test -- ARGS`: the tests alone, with vitest's arguments.
import { build } from './build.mjs'
import { ensureInstalled } from './ensure-installed.mjs'
import { runNode, runTool } from './run-tool.mjs'

const CHECKS = [
  [
    'format, lint and import directions',
    () => runTool('@biomejs/biome/bin/biome', ['check', '--error-on-warnings', '.']),
  ],
  ['docs say what the code says', () => runNode(['scripts/generate-docs.mjs', '--check'])],
]

ensureInstalled()
const built = build()
if (built !== 0) process.exit(built)
// Then the tests need not make it again for each of their files.
process.env.PGHERD_TEST_BUILT = '1'

const args = process.argv.slice(2)
const checks = args.length > 0 ? [] : CHECKS
// All of them run, whatever fails: a comma out of place must not hide what the tests say.
const failed = [...checks, ['tests', () => runTool('vitest/vitest.mjs', ['run', ...args])]]
  .filter(([, run]) => run() !== 0)
  .map(([name]) => name)

if (failed.length > 0) {
  console.error(`\nFailed: ${failed.join('; ')}.`)
  process.exit(1)
}
