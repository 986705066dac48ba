import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** Where to write what ran, for scripts that count it. */
const report = process.env.PGHERD_TEST_REPORT

// Tests run on the sources, so that they need no build; those that spawn the CLI use dist.
const SOURCES = {
  '@pgherd/core': 'packages/core/src/index.ts',
  '@pgherd/core/spec': 'packages/core/src/spec/index.ts',
  '@pgherd/core/failover': 'packages/core/src/failover/index.ts',
  '@pgherd/core/sql': 'packages/core/src/sql/index.ts',
  '@pgherd/core/routing': 'packages/core/src/routing/index.ts',
  '@pgherd/core/sharding': 'packages/core/src/sharding/index.ts',
  '@pgherd/client': 'packages/client/src/index.ts',
  '@pgherd/client/internal': 'packages/client/src/internal.ts',
  '@pgherd/proxy': 'packages/proxy/src/index.ts',
  '@pgherd/cluster': 'packages/cluster/src/index.ts',
  '@pgherd/cluster/process-identity': 'packages/cluster/src/state/process-identity.ts',
  pgherd: 'packages/pgherd/src/index.ts',
}

export default defineConfig({
  resolve: {
    alias: Object.entries(SOURCES).map(([name, path]) => ({
      find: new RegExp(`^${name}$`),
      replacement: fileURLToPath(new URL(path, import.meta.url)),
    })),
  },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'examples/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/nothing-left-behind.ts'],
    pool: 'forks',
    // Many tests run several PostgreSQL servers each; more at once makes their timing meaningless, on
    // the shared machines of CI most of all.
    maxWorkers: process.env.CI ? 1 : 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    retry: 0,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
})
