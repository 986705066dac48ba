import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defaultExclude, defineConfig } from 'vitest/config'

/** Where to write what ran, for scripts that count it. */
const report = process.env.PGHERD_TEST_REPORT

// By themselves tests run on the sources, so that they need no build; those that spawn the CLI use dist.
const SOURCES = {
  '@pgherd/core': 'packages/core/src/index.ts',
  '@pgherd/core/spec': 'packages/core/src/spec/index.ts',
  '@pgherd/core/failover': 'packages/core/src/failover/index.ts',
  '@pgherd/core/sql': 'packages/core/src/sql/index.ts',
  '@pgherd/core/routing': 'packages/core/src/routing/index.ts',
  '@pgherd/core/sharding': 'packages/core/src/sharding/index.ts',
  '@pgherd/core/api': 'packages/core/src/api/index.ts',
  '@pgherd/client': 'packages/client/src/index.ts',
  '@pgherd/client/internal': 'packages/client/src/internal.ts',
  '@pgherd/proxy': 'packages/proxy/src/index.ts',
  '@pgherd/cluster': 'packages/cluster/src/index.ts',
  '@pgherd/cluster/on-disk': 'packages/cluster/src/on-disk.ts',
  '@pgherd/cluster/process-identity': 'packages/cluster/src/state/process-identity.ts',
  pgherd: 'packages/pgherd/src/index.ts',
}

/**
 * A test that waited in vain or took too long is tried once more in CI, whose machines others use too, and
 * `test/tell-unsteady.ts` prints what its first try said. What was answered wrong gets no second try.
 */
const SECOND_TRY = {
  count: process.env.CI ? 1 : 0,
  condition: /in vain|stand still|timed out|in time|to be (less|greater) than|ETIMEDOUT|ECONNREFUSED|ESRCH/,
}

/** `npm test` builds first: what was built loads in a quarter of the time that its sources take, for every file. */
const isBuilt = process.env.PGHERD_TEST_BUILT === '1'
const SOURCE = /^(.*\/packages\/(?!dashboard)[a-z]+)\/src\/(.*\.js)$/
const BUILT = /\/packages\/[a-z]+\/dist\//

/** Where a test names a source, what was built of it. */
const builtModules = {
  name: 'built-modules',
  enforce: 'pre' as const,
  resolveId(source: string, importer: string | undefined) {
    const found = source.startsWith('.') && SOURCE.exec(join(dirname(importer ?? ''), source))
    const built = found ? `${found[1]}/dist/${found[2]}` : ''
    return existsSync(built) ? built : null
  },
}

const modules = isBuilt
  ? { plugins: [builtModules] }
  : {
      resolve: {
        alias: Object.entries(SOURCES).map(([name, path]) => ({
          find: new RegExp(`^${name}$`),
          replacement: fileURLToPath(new URL(path, import.meta.url)),
        })),
      },
    }

interface Part {
  name: string
  include: string[]
  exclude?: string[]
  maxWorkers: number
  retry: number | typeof SECOND_TRY
}

/** Herds whose tests say what comes of it, and not how fast. */
const PATIENT_HERDS = ['supervisor-crash', 'placement'].map(
  (name) => `packages/cluster/test/herd/${name}.test.ts`,
)

const PARTS: Part[] = [
  {
    name: 'core',
    include: ['packages/core/test/**/*.test.ts', 'packages/dashboard/test/unit/**/*.test.ts'],
    maxWorkers: 2,
    retry: 0,
  },
  {
    name: 'routing',
    include: [
      'packages/{client,proxy}/test/**/*.test.ts',
      'packages/cluster/test/{postgres,sharding,state}/**/*.test.ts',
      'examples/*/test/**/*.test.ts',
      'test/**/*.test.ts',
    ],
    maxWorkers: 2,
    retry: SECOND_TRY,
  },
  {
    name: 'programs',
    include: ['packages/pgherd/test/**/*.test.ts', ...PATIENT_HERDS],
    maxWorkers: 2,
    retry: SECOND_TRY,
  },
  {
    name: 'herds',
    include: ['packages/cluster/test/herd/**/*.test.ts', 'packages/dashboard/test/browser/**/*.test.ts'],
    exclude: PATIENT_HERDS,
    // Several herds at once make the timing of failovers meaningless, on the shared machines of CI most of all.
    maxWorkers: process.env.CI ? 1 : 2,
    retry: SECOND_TRY,
  },
]

export default defineConfig({
  test: {
    globalSetup: ['test/nothing-left-behind.ts'],
    reporters: [
      'default',
      './test/tell-unsteady.ts',
      ...(report === undefined ? [] : [['json', { outputFile: report }] as ['json', object]]),
    ],
    projects: PARTS.map(({ name, include, exclude = [], maxWorkers, retry }, groupOrder) => ({
      ...modules,
      test: {
        name,
        include,
        exclude: [...defaultExclude, ...exclude],
        maxWorkers,
        retry,
        sequence: { groupOrder },
        server: { deps: { external: isBuilt ? [BUILT] : [] } },
        pool: 'forks',
        testTimeout: 60_000,
        hookTimeout: 60_000,
      },
    })),
  },
})
