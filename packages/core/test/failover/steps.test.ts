import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { CONDITIONS, PHASES, printSteps, STEPS } from '../../src/failover/index.js'

test('every phase has a step for every condition', () => {
  expect(Object.keys(STEPS)).toEqual(PHASES)
  for (const phase of PHASES) expect(Object.keys(STEPS[phase])).toEqual(CONDITIONS)
})

test('docs/failover.md has the table as the program follows it', async () => {
  const text = await readFile(new URL('../../../../docs/failover.md', import.meta.url), 'utf8')
  const shown = /<!-- steps:begin -->\n(.*?)<!-- steps:end -->/s.exec(text)?.[1]
  expect(shown?.trim()).toBe(printSteps().trim())
})
