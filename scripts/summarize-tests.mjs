// Adds up vitest's JSON reports in a folder: `node scripts/summarize-tests.mjs FOLDER`.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.argv[2]
const total = { passed: 0, failed: 0, skipped: 0 }
for (const name of readdirSync(folder).sort()) {
  if (!name.endsWith('.json')) continue
  const report = JSON.parse(readFileSync(join(folder, name), 'utf8'))
  const counts = {
    passed: report.numPassedTests,
    failed: report.numFailedTests,
    skipped: report.numPendingTests + report.numTodoTests,
  }
  console.log(`${name.replace('.json', '')}: ${describe(counts)}`)
  for (const key of Object.keys(total)) total[key] += counts[key]
}
console.log(describe(total))

function describe({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}
