import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Herd, openHerd } from '@pgherd/cluster'
import { parseSpec } from '@pgherd/core/spec'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../', import.meta.url))

let folder: string
let project: string
let installed: string[]
let herd: Herd
let dsn: string

interface Printed {
  stdout: string
  stderr: string
}

function run(cwd: string, command: string, ...args: string[]): Promise<Printed> {
  const env = { ...process.env, DSN: dsn }
  // Settings of whoever runs the tests would be warned of.
  delete env.NODE_OPTIONS
  return promisify(execFile)(command, args, { cwd, env, timeout: 170_000 })
}

/** What somebody has after `npm install @pgherd/client` in an empty folder, and a server to talk to. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'consumers-'))
  // Servers may run as another user.
  await chmod(folder, 0o711)
  project = join(folder, 'project')
  process.env.PGHERD_DATA = join(folder, 'data')
  const spec = parseSpec('name: shop\nport: auto\ngroups: [{ name: main, nodes: 1 }]', 'test')
  herd = await openHerd({ spec, stateDir: join(folder, 'state') })
  await herd.whenWhole(120_000)
  dsn = herd.dsn('main-1')
  await run(ROOT, process.execPath, 'scripts/build.mjs')
  for (const name of ['core', 'client'])
    await run(join(ROOT, 'packages', name), 'npm', 'pack', '--pack-destination', folder)
  const tarballs = (await readdir(folder)).filter((name) => name.endsWith('.tgz'))
  await mkdir(project)
  await writeFile(join(project, 'package.json'), '{ "name": "project", "private": true }\n')
  await run(project, 'npm', 'install', '--no-audit', '--no-fund', ...tarballs.map((name) => `../${name}`))
  installed = await packagesIn(join(project, 'node_modules'))
  const types = ['@types/node', '@types/pg'].map(
    async (name) => `${name}@${(await manifestIn(ROOT, name)).version}`,
  )
  await run(project, 'npm', 'install', '--no-audit', '--no-fund', '--save-dev', ...(await Promise.all(types)))
}, 240_000)

afterAll(async () => {
  await herd.stop()
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

async function packagesIn(nodeModules: string): Promise<string[]> {
  const names = (await readdir(nodeModules)).filter((name) => !name.startsWith('.'))
  const found = names.map(async (name) =>
    name.startsWith('@') ? (await readdir(join(nodeModules, name))).map((each) => `${name}/${each}`) : [name],
  )
  return (await Promise.all(found)).flat()
}

interface Manifest {
  version: string
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

async function manifestIn(root: string, name: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(root, 'node_modules', name, 'package.json'), 'utf8'))
}

/** A package and everything it depends on. */
async function closureOf(name: string): Promise<string[]> {
  const { dependencies, optionalDependencies } = await manifestIn(project, name)
  const names = Object.keys({ ...dependencies, ...optionalDependencies })
  return [name, ...(await Promise.all(names.map(closureOf))).flat()]
}

test('it has its license, its readme and compiled code, and nothing of the workshop', async () => {
  const root = join(project, 'node_modules/@pgherd/client')
  expect((await readdir(root)).sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json'])
  const shipped = await readdir(join(root, 'dist'), { recursive: true, withFileTypes: true })
  const odd = shipped.filter((entry) => entry.isFile() && !/\.(?:js|d\.ts)$/.test(entry.name))
  expect(odd.map(({ name }) => name)).toEqual([])
})

test('it brings nothing but pg, libpg-query and @pgherd/core', async () => {
  const wanted = await Promise.all(['pg', 'libpg-query'].map(closureOf))
  expect(new Set(installed)).toEqual(new Set(['@pgherd/client', '@pgherd/core', ...wanted.flat()]))
  expect(installed).not.toContain('zod')
  expect(installed).not.toContain('yaml')
})

test('what the client uses of @pgherd/core needs nothing more', async () => {
  const code = `
    for (const part of ['', '/sql', '/routing', '/failover', '/sharding']) await import('@pgherd/core' + part)`
  expect(await run(project, process.execPath, '--input-type=module', '--eval', code)).toEqual({
    stdout: '',
    stderr: '',
  })
})

const USE = `
  const pool = createPool({ nodes: [process.env.DSN] })
  pool.query('select 1 as one').then(async ({ rows }) => {
    console.log(rows[0].one, pool instanceof Pool, pool instanceof pg.Pool)
    const error = await createPool({ nodes: ['postgres://127.0.0.1:1/none'] }).query('select 1').catch((error) => error)
    console.log(error instanceof HerdError, error.code)
    await pool[Symbol.asyncDispose]()
    console.log(pool.ended)
    process.exit()
  })`

test.each([
  [
    'an ES module',
    'use.mjs',
    `import pg from 'pg'\nimport { createPool, HerdError, Pool } from '@pgherd/client'`,
  ],
  [
    'CommonJS',
    'use.cjs',
    `const pg = require('pg')\nconst { createPool, HerdError, Pool } = require('@pgherd/client')`,
  ],
])('it works from %s, without a warning', async (_name, file, imports) => {
  await writeFile(join(project, file), imports + USE)
  const { stdout, stderr } = await run(project, process.execPath, file)
  expect([stdout, stderr]).toEqual(['1 true true\ntrue NODES_UNREACHABLE\ntrue\n', ''])
})

const PROGRAM = `
import pg from 'pg'
import { type Consistency, createPool, HerdError, Pool, type PoolOptions, type Transaction } from '@pgherd/client'

interface Goods {
  id: number
  name: string
}
const SELECT = 'select 7 as id, $1::text as name'

/** Code that knows pg alone. */
async function nameOf(pool: pg.Pool): Promise<string | undefined> {
  const client: pg.PoolClient = await pool.connect()
  try {
    const { rows }: pg.QueryResult<Goods> = await client.query<Goods>(SELECT, ['lamp'])
    return rows[0]?.name
  } finally {
    client.release()
  }
}

const anyPool: typeof pg.Pool = Pool

async function main(): Promise<void> {
  const consistency: Consistency = 'session'
  const options: PoolOptions = { nodes: [process.env.DSN as string], consistency, max: 5 }
  await using pool = createPool(options)
  pool.on('connect', (client) => client.setTypeParser(20, Number))
  pool.on('error', (error: Error, client: pg.PoolClient) => console.error(error.message, client.getTransactionStatus()))
  pool.on('failover', ({ node }) => console.error(node))
  pool.once('closed', () => console.log('closed'))

  const { rows } = await pool.query<Goods>({ text: SELECT, values: ['lamp'], consistency: 'eventual' })
  const id: number | undefined = rows[0]?.id
  // @ts-expect-error: an id is a number
  const wrong: string | undefined = rows[0]?.id
  const array = await pool.query<[number, string]>({ text: SELECT, rowMode: 'array' }, ['lamp'])
  const [, name]: [number, string] = array.rows[0] as [number, string]
  // @ts-expect-error: no such consistency
  await pool.query({ text: 'select 1', consistency: 'strong' }).catch((error: HerdError) => console.log(error.code))
  const called = await new Promise<pg.QueryResult<Goods>>((resolve, reject) => {
    pool.query<Goods>(SELECT, ['lamp'], (error, result) => (error ? reject(error) : resolve(result)))
  })
  const inTransaction: number = await pool.transaction(async (tx: Transaction) => {
    const { rows } = await tx.query<{ n: number }>('select 2 as n')
    return rows[0]?.n ?? 0
  })
  console.log(await nameOf(pool), id, wrong, name, called.rows.length, inTransaction, anyPool === Pool)
}

void main()
`

describe('from TypeScript', () => {
  const tsc = (...args: string[]): Promise<string> =>
    run(project, process.execPath, join(ROOT, 'node_modules/typescript/bin/tsc'), '--strict', ...args).then(
      ({ stdout }) => stdout,
      (error: Printed) => error.stdout,
    )

  test.each(['use-it.mts', 'use-it.cts'])('with nodenext: %s', async (file) => {
    await writeFile(join(project, file), PROGRAM)
    const target = ['--target', 'es2022', '--lib', 'es2023,esnext.disposable', '--types', 'node']
    expect(await tsc('--module', 'nodenext', '--esModuleInterop', ...target, file)).toBe('')
    const printed = await run(project, process.execPath, file.replace(/ts$/, 'js'))
    expect(printed).toEqual({ stdout: 'OPTIONS_INVALID\nlamp 7 7 lamp 1 2 true\nclosed\n', stderr: '' })
  })

  test('with a bundler’s resolution', async () => {
    await writeFile(join(project, 'bundled.ts'), PROGRAM)
    const target = ['--target', 'esnext', '--lib', 'esnext', '--types', 'node']
    expect(
      await tsc('--module', 'preserve', '--moduleResolution', 'bundler', '--noEmit', ...target, 'bundled.ts'),
    ).toBe('')
  })

  test('with every check there is, declarations of libraries included', async () => {
    await writeFile(join(project, 'strictest.mts'), PROGRAM)
    const checks = ['--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--skipLibCheck', 'false']
    const target = ['--target', 'es2022', '--lib', 'es2023,esnext.disposable', '--types', 'node']
    expect(await tsc('--module', 'nodenext', '--noEmit', ...target, ...checks, 'strictest.mts')).toBe('')
  })
})
