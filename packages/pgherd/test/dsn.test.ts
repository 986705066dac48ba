import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { herdPaths, type LeftHerd } from '@pgherd/cluster'
import { parseSpec } from '@pgherd/core/spec'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DsnOptions, printDsn } from '../src/cli/print-dsn.js'

const folder = mkdtempSync(join(tmpdir(), 'pgherd-dsn-'))
const SHARDS = 'groups: [{ name: home, nodes: 1 }, { name: s1, nodes: 1 }]\nsharding: { groups: [s1] }\n'
const ONE_GROUP = 'groups: [{ name: main, nodes: 2 }]\n'
const PORTS = { 'home-1': 1001, 's1-1': 1002, 'main-1': 1003, 'main-2': 1004 }

beforeAll(async () => {
  const { secrets, root } = herdPaths(folder, 'shop')
  await mkdir(root, { recursive: true })
  await writeFile(secrets, JSON.stringify({ superuser: 'root', replication: 'copy', application: 'word' }))
})

afterAll(() => rmSync(folder, { recursive: true }))

function told(yaml: string, node: string | undefined, options: DsnOptions): Promise<string> {
  const identity = {
    format: 1,
    spec: parseSpec(`name: shop\n${yaml}`, 'test'),
    createdAt: '',
    dataRoot: folder,
    serverUser: null,
    systemIdentifiers: {},
    ports: PORTS,
    proxyPort: 6432,
  } satisfies LeftHerd['identity']
  return printDsn({ paths: herdPaths(folder, 'shop'), identity }, node, options)
}

const ADDRESS = /@([^/]*)\//

test.each([
  ['one group', ONE_GROUP, undefined, {}, '127.0.0.1:1003,127.0.0.1:1004'],
  ['its proxy', ONE_GROUP, undefined, { proxy: true }, '127.0.0.1:6432'],
  ['a node', ONE_GROUP, 'main-2', {}, '127.0.0.1:1004'],
  // The nodes of its home group have no row of what is spread.
  ['a sharded herd', SHARDS, undefined, {}, '127.0.0.1:6432'],
  ['its home group', SHARDS, undefined, { nodes: true }, '127.0.0.1:1001'],
  ['a shard', SHARDS, 's1-1', {}, '127.0.0.1:1002'],
  ['a sharded herd that has no proxy', `${SHARDS}proxy: false\n`, undefined, {}, '127.0.0.1:1001'],
])('the connection string of %s', async (_what, yaml, node, options, address) => {
  expect((await told(yaml, node, options)).match(ADDRESS)?.[1]).toBe(address)
})

test.each([
  ['main-1', { proxy: true }],
  ['main-1', { nodes: true }],
  [undefined, { nodes: true, proxy: true }],
])('%s with %o is of two things', async (node, options) => {
  await expect(told(ONE_GROUP, node, options)).rejects.toMatchObject({ code: 'USAGE' })
})
