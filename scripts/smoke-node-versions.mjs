// Runs the built command line, the tests of packages/core and some of the client's on other versions of
// Node.js, which are taken from npm. `node scripts/smoke-node-versions.mjs [MAJOR ...]`; needs a build.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const PROGRAM = join(ROOT, 'packages/pgherd/dist/bin.js')
const MAJORS = process.argv.length > 2 ? process.argv.slice(2) : ['22', '24', '26']
/** What rests on Node.js itself: streams, timers, signals, async contexts, modules. */
const TESTS = [
  'packages/core',
  'packages/client/test/query',
  'packages/client/test/abort',
  'packages/client/test/session',
]
/** The npm package with Node.js for this machine. */
const NODE_PACKAGE = `node-${process.platform}-${process.arch}`

for (const major of MAJORS) {
  const folder = mkdtempSync(join(tmpdir(), `pgherd-node-${major}-`))
  try {
    smoke(major, folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function smoke(major, folder) {
  run('npm', [
    'install',
    '--no-audit',
    '--no-fund',
    '--no-save',
    '--prefix',
    folder,
    `${NODE_PACKAGE}@${major}`,
  ])
  const node = join(folder, 'node_modules', NODE_PACKAGE, 'bin/node')
  const version = run(node, ['--version'], { quiet: true }).trim()
  if (!version.startsWith(`v${major}.`)) throw new Error(`asked for Node.js ${major}, got ${version}`)
  console.log(`\nNode.js ${version}`)
  runHerd(node, folder)
  runTests(node, major)
}

/** Up, a failover, down: the primary must be another one afterwards. */
function runHerd(node, folder) {
  const pgherd = (args, quiet = false) => run(node, [PROGRAM, ...args], { cwd: folder, quiet })
  try {
    pgherd(['up', '--detach', '--port', 'auto'])
    const before = primaryOf(pgherd(['status', '--json'], true))
    pgherd(['failover', 'main'])
    const after = primaryOf(pgherd(['status', '--json'], true))
    if (before === after) throw new Error(`after a failover ${after} is still the primary`)
  } finally {
    pgherd(['down', '--destroy', '--yes'])
  }
}

function primaryOf(text) {
  const nodes = JSON.parse(text).groups.flatMap((group) => group.nodes)
  const primaries = nodes.filter((node) => node.role === 'primary').map((node) => node.name)
  if (primaries.length !== 1) throw new Error(`not one primary but ${primaries.length}: ${text}`)
  return primaries[0]
}

function runTests(node, major) {
  const report = process.env.PGHERD_TEST_REPORT
  const env = {
    ...process.env,
    PGHERD_SIMULATION_RUNS: '200',
    PGHERD_TEST_BUILT: '1',
    ...(report ? { PGHERD_TEST_REPORT: report.replace(/(\.json)?$/, `-node-${major}.json`) } : {}),
  }
  run(node, ['node_modules/vitest/vitest.mjs', 'run', ...TESTS], { env })
}

/** Runs a program to its end and returns what it printed; throws when it fails. */
function run(command, args, { cwd = ROOT, env = process.env, quiet = false } = {}) {
  const stdio = ['ignore', quiet ? 'pipe' : 'inherit', 'inherit']
  const { status, stdout, error } = spawnSync(command, args, { cwd, env, stdio, encoding: 'utf8' })
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`)
  return stdout ?? ''
}
