import type { Reporter, TestCase, TestModule } from 'vitest/node'

/** Names the tests that passed only when they were tried again, with what their first try said. */
export default class TellUnsteady implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const unsteady = modules.flatMap((module) =>
      [...module.children.allTests()].filter((test) => test.diagnostic()?.flaky),
    )
    if (unsteady.length === 0) return
    console.log(`\n${unsteady.length} passed only when tried again:`)
    for (const test of unsteady) console.log(describe(test))
  }
}

function describe(test: TestCase): string {
  const errors = test.result().errors ?? []
  const told = errors.map((error) => error.stack ?? error.message).join('\n')
  return `${test.module.relativeModuleId}: ${test.fullName}\n${told.replace(/^/gm, '    ')}`
}
