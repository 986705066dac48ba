import { describe, expect, test } from 'vitest'
import { nodeNames } from '../../src/index.js'
import { exampleSpec, parseSpec } from '../../src/spec/index.js'
import { problemsOf } from './problems-of.js'

const MAIN = { name: 'main', nodes: 3, durability: 'zero-loss', withoutStandby: 'wait' }
const PROXY = {
  host: '127.0.0.1',
  port: 6432,
  workers: 'auto',
  maxClients: 10_000,
  maxClientsPerUser: null,
  maxClientsPerDatabase: null,
  maxServers: 20,
  lanes: 2,
  adminUsers: [],
  tls: null,
  metricsPort: null,
}

describe('a spec with only a name', () => {
  test('gets every default', () => {
    expect(parseSpec('name: my-herd', 'herd.yaml')).toEqual({
      name: 'my-herd',
      database: 'my_herd',
      host: '127.0.0.1',
      port: 5440,
      postgres: { version: 18, bin: null, settings: {} },
      groups: [MAIN],
      probes: { intervalMs: 500, hangAfterMs: 1500 },
      proxy: PROXY,
      api: { host: '127.0.0.1', tls: null, tokens: 'elsewhere' },
    })
  })

  test('does not share its defaults with another spec', () => {
    const first = parseSpec('name: a', 'a.yaml')
    first.groups.length = 0
    first.postgres.settings.work_mem = '1GB'
    const second = parseSpec('name: a', 'a.yaml')
    expect(second.groups).toEqual([MAIN])
    expect(second.postgres.settings).toEqual({})
  })
})

describe('a spec that says something', () => {
  test('keeps what it says and fills in the rest of each section', () => {
    const spec = parseSpec(
      `name: shop
database: orders
host: 0.0.0.0
port: auto
postgres: { version: 16, bin: /opt/pg/bin, settings: { work_mem: 8MB, max_connections: 50, jit: false, auto_explain.log_analyze: on } }
groups:
  - { name: main, nodes: 5, withoutStandby: continue }
  - { name: clicks, durability: fast }
probes: { intervalMs: 100 }
proxy: { port: 7000, lanes: 4, adminUsers: [ops] }
api: { host: 0.0.0.0, port: 7001, tokens: always }
`,
      'herd.yaml',
    )
    expect(spec).toEqual({
      name: 'shop',
      database: 'orders',
      host: '0.0.0.0',
      port: 'auto',
      postgres: {
        version: 16,
        bin: '/opt/pg/bin',
        settings: { work_mem: '8MB', max_connections: 50, jit: false, 'auto_explain.log_analyze': 'on' },
      },
      groups: [
        { ...MAIN, nodes: 5, withoutStandby: 'continue' },
        { ...MAIN, name: 'clicks', durability: 'fast' },
      ],
      probes: { intervalMs: 100, hangAfterMs: 1500 },
      proxy: { ...PROXY, port: 7000, lanes: 4, adminUsers: ['ops'] },
      api: { host: '0.0.0.0', port: 7001, tls: null, tokens: 'always' },
    })
  })

  test('may use anchors, Windows line ends and a byte order mark', () => {
    const text = '\uFEFFname: a\r\ngroups:\r\n  - { name: x, nodes: &n 2 }\r\n  - { name: y, nodes: *n }\r\n'
    expect(parseSpec(text, 'herd.yaml').groups.map((group) => group.nodes)).toEqual([2, 2])
  })

  test('may be one server under zero-loss', () => {
    expect(parseSpec('name: a\ngroups: [{ nodes: 1 }]', 'herd.yaml').groups).toEqual([{ ...MAIN, nodes: 1 }])
  })

  test('may put the last node on the last port', () => {
    expect(parseSpec('name: a\nport: 65533', 'herd.yaml').port).toBe(65533)
  })
})

describe('the port of the proxy', () => {
  test.each([
    ['port: auto', 'auto'],
    ['port: auto\nproxy: { port: 6000 }', 6000],
    ['port: 6000\nproxy: { port: auto }', 'auto'],
    ['port: 6429', 6432],
    ['port: 6433', 6432],
    // A herd that was made before there was a proxy goes on as it is.
    ['port: 6430', 'auto'],
    ['port: 6432', 'auto'],
  ])('of %j is %s', (lines, port) => {
    expect(parseSpec(`name: a\n${lines}`, 'herd.yaml').proxy).toMatchObject({ port })
  })

  test('is none where there shall be no proxy', () => {
    expect(parseSpec('name: a\nproxy: false', 'herd.yaml').proxy).toBe(false)
  })
})

describe('the example', () => {
  test.each(['my-herd', 'a', 'null', 'true', 'x'.repeat(40)])('of %s reads back as the defaults', (name) => {
    expect(parseSpec(exampleSpec(name), 'herd.yaml')).toEqual({
      ...parseSpec(`name: "${name}"`, 'herd.yaml'),
    })
  })

  test('of a herd called postgres has a database of its own', () => {
    expect(parseSpec(exampleSpec('postgres'), 'herd.yaml').database).toBe('app')
  })

  test('of an impossible name is a wrong use', () => {
    expect(() => exampleSpec('My Herd')).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        message: expect.stringContaining('a herd cannot be called "My Herd"'),
      }),
    )
  })
})

describe('names', () => {
  test('of nodes are the group and a number from 1', () => {
    expect(nodeNames({ name: 'main', nodes: 3, durability: 'fast', withoutStandby: 'wait' })).toEqual([
      'main-1',
      'main-2',
      'main-3',
    ])
  })

  test.each(['a', 'a1', 'my-herd', 'x'.repeat(40)])('%s is a name', (name) => {
    expect(parseSpec(`name: ${name}`, 'herd.yaml').name).toBe(name)
  })

  test.each(['1a', '-a', 'a-', 'A', 'a_b', 'a b', 'é', 'x'.repeat(41)])('%s is not', (name) => {
    expect(problemsOf(`name: "${name}"`)).toContain('herd.yaml:1:7: name must be a name of at most 40')
  })
})
