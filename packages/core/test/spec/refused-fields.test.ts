import { describe, expect, test } from 'vitest'
import { problemsOf, refusalOf } from './problems-of.js'

describe('a key that is not known', () => {
  test.each([
    ['nodez: 3', '4:5: unknown key "nodez" in groups[0]; did you mean "nodes"?'],
    ['ndoes: 3', '4:5: unknown key "ndoes" in groups[0]; did you mean "nodes"?'],
    [
      'withoutstandby: wait',
      '4:5: unknown key "withoutstandby" in groups[0]; did you mean "withoutStandby"?',
    ],
    ['colour: red', '4:5: unknown key "colour" in groups[0]'],
    ['version: 18', '4:5: unknown key "version" in groups[0]; it belongs in postgres'],
    ['port: 6000', '4:5: unknown key "port" in groups[0]; it belongs at the top level'],
  ])('%s in a group', (line, message) => {
    expect(problemsOf(`name: a\ngroups:\n  - name: main\n    ${line}\n`)).toBe(`herd.yaml:${message}`)
  })

  test.each([
    ['grops: []', '2:1: unknown key "grops" at the top level; did you mean "groups"?'],
    ['nodes: 3', '2:1: unknown key "nodes" at the top level; it belongs in a group'],
    ['postgres: { versoin: 18 }', '2:13: unknown key "versoin" in postgres; did you mean "version"?'],
    ['probes: { interval: 100 }', '2:11: unknown key "interval" in probes; did you mean "intervalMs"?'],
    ['proxy: { prot: 6432 }', '2:10: unknown key "prot" in proxy; did you mean "port"?'],
    [
      'proxy: { tls: { cert: /c, key: /k, requird: true } }',
      '2:36: unknown key "requird" in proxy.tls; did you mean "required"?',
    ],
    ['api: { prot: 7440 }', '2:8: unknown key "prot" in api; did you mean "port"?'],
    ['proxy: { nodes: 3 }', '2:10: unknown key "nodes" in proxy; it belongs in a group'],
    ['maxServers: 3', '2:1: unknown key "maxServers" at the top level; it belongs in proxy'],
    ['"a\\nb": 1', '2:1: unknown key "a\\nb" at the top level'],
  ])('%s elsewhere', (line, message) => {
    expect(problemsOf(`name: a\n${line}\n`)).toBe(`herd.yaml:${message}`)
  })
})

describe('a value of the wrong kind', () => {
  test.each([
    ['port: "5440"', '2:7: port must be a whole number from 1024 to 65535, or auto, not "5440"'],
    ['port: 80', '2:7: port must be a whole number from 1024 to 65535, or auto, not 80'],
    ['port: 65536', '2:7: port must be a whole number from 1024 to 65535, or auto, not 65536'],
    [
      'port: atuo',
      '2:7: port must be a whole number from 1024 to 65535, or auto, not "atuo"; did you mean "auto"?',
    ],
    ['host: a b', '2:7: host must be an IP address or a host name, not "a b"'],
    ['host: /tmp', '2:7: host must be an IP address or a host name, not "/tmp"'],
    [
      'database: My',
      '2:11: database must be a name of at most 63 lower-case letters, digits and underscores that does not start with a digit, not "My"',
    ],
    [
      'database: postgres',
      '2:11: database cannot be "postgres", which PostgreSQL keeps for itself; choose another name',
    ],
    ['groups: []', '2:9: groups must be a list of at least one group, not a list'],
    ['groups: {}', '2:9: groups must be a list of groups, not a mapping'],
    ['groups: [main]', '2:10: groups[0] must be a mapping, not "main"'],
    ['groups: [{ nodes: 0 }]', '2:19: groups[0].nodes must be a whole number from 1 to 16, not 0'],
    ['groups: [{ nodes: 17 }]', '2:19: groups[0].nodes must be a whole number from 1 to 16, not 17'],
    ['groups: [{ nodes: 2.5 }]', '2:19: groups[0].nodes must be a whole number from 1 to 16, not 2.5'],
    ['groups: [{ nodes: "3" }]', '2:19: groups[0].nodes must be a whole number from 1 to 16, not "3"'],
    [
      'groups: [{ durability: zeroloss }]',
      '2:24: groups[0].durability must be zero-loss or fast, not "zeroloss"; did you mean "zero-loss"?',
    ],
    ['groups: [{ durability: safe }]', '2:24: groups[0].durability must be zero-loss or fast, not "safe"'],
    [
      'groups: [{ withoutStandby: Wait }]',
      '2:28: groups[0].withoutStandby must be wait or continue, not "Wait"; did you mean "wait"?',
    ],
    ['postgres:', '2:1: postgres must be a mapping, not nothing'],
    [
      'postgres: { version: "18" }',
      '2:22: postgres.version must be 15, 16, 17 or 18, not "18"; did you mean 18?',
    ],
    ['postgres: { version: 14 }', '2:22: postgres.version must be 15, 16, 17 or 18, not 14'],
    [
      'postgres: { bin: ./bin }',
      '2:18: postgres.bin must be the absolute path of a directory, or null, not "./bin"',
    ],
    ['proxy: true', '2:8: proxy must be a mapping, or false, not true'],
    ['proxy:', '2:1: proxy must be a mapping, or false, not nothing'],
    ['proxy: { port: 80 }', '2:16: proxy.port must be a whole number from 1024 to 65535, or auto, not 80'],
    [
      'proxy: { port: atuo }',
      '2:16: proxy.port must be a whole number from 1024 to 65535, or auto, not "atuo"; did you mean "auto"?',
    ],
    [
      'proxy: { tls: { cert: a.pem, key: /k } }',
      '2:23: proxy.tls.cert must be the absolute path of a file, not "a.pem"',
    ],
    ['proxy: { tls: { cert: /c } }', '2:15: proxy.tls.key is missing'],
    ['proxy: { lanes: 0 }', '2:17: proxy.lanes must be a whole number from 1 to 64, not 0'],
    ['proxy: { workers: 0 }', '2:19: proxy.workers must be a whole number from 1 to 64, or auto, not 0'],
    ['proxy: { lanes: two }', '2:17: proxy.lanes must be a whole number from 1 to 64, not "two"'],
    ['proxy: { adminUsers: ops }', '2:22: proxy.adminUsers must be a list of roles, not "ops"'],
    ['proxy: { adminUsers: [1] }', '2:23: proxy.adminUsers[0] must be the name of a role, not 1'],
    [
      'proxy: { maxClientsPerUser: 0 }',
      '2:29: proxy.maxClientsPerUser must be a whole number from 1 to 100000, or null, not 0',
    ],
    ['probes: { intervalMs: 49 }', '2:23: probes.intervalMs must be a whole number from 50 to 60000, not 49'],
  ])('%s', (line, message) => {
    expect(problemsOf(`name: a\n${line}\n`)).toBe(`herd.yaml:${message}`)
  })

  test('a name that YAML reads as a number', () => {
    expect(problemsOf('name: 2024')).toMatch(
      /^herd.yaml:1:7: name must be a name of at most 40 .*, not 2024$/,
    )
  })

  test('no name', () => {
    expect(problemsOf('port: 6000')).toBe(
      'herd.yaml:1:1: name is missing; write, for example, "name: my-herd"',
    )
  })

  test('a long value is not repeated in full', () => {
    expect(problemsOf(`name: a\nhost: "${'/'.repeat(5000)}"`).length).toBeLessThan(150)
  })
})

describe('fields that do not go together', () => {
  test.each([
    [
      'groups: [{ name: x }, { name: y }, { name: x }]',
      '2:44: groups[2].name is "x", which is the name of groups[0] already',
    ],
    [
      'groups: [{ nodes: 1 }, { nodes: 2 }]',
      '2:24: groups[1].name is "main", which is the name of groups[0] already',
    ],
    [
      'port: 65534',
      '2:7: port 65534 leaves no room for 3 nodes: main-3 would need port 65536, and the last is 65535',
    ],
    ['proxy: { port: 5441 }', '2:16: proxy.port cannot be 5441, which is the port of main-2'],
    [
      'proxy: { metricsPort: 6432 }',
      '2:23: proxy.metricsPort cannot be 6432, which is the port of the proxy itself',
    ],
    [
      'probes: { intervalMs: 1000 }',
      '2:9: probes.hangAfterMs must be at least twice probes.intervalMs (2 * 1000 = 2000), not 1500',
    ],
    [
      'probes: { hangAfterMs: 999 }',
      '2:24: probes.hangAfterMs must be at least twice probes.intervalMs (2 * 500 = 1000), not 999',
    ],
  ])('%s', (line, message) => {
    expect(problemsOf(`name: a\n${line}\n`)).toBe(`herd.yaml:${message}`)
  })

  test('a name that makes a reserved database', () => {
    expect(problemsOf('name: template1')).toContain('database cannot be "template1"')
  })
})

describe('several problems', () => {
  const text = 'name: Shop\nporrt: 1\ngroups:\n  - nodes: 99\n'

  test('are all told, in the order of the file', () => {
    expect(
      problemsOf(text)
        .split('\n')
        .map((line) => line.slice(0, 30)),
    ).toEqual([
      'herd.yaml:1:7: name must be a ',
      'herd.yaml:2:1: unknown key "po',
      'herd.yaml:4:12: groups[0].node',
    ])
  })

  test('are plain data for programs', () => {
    expect(refusalOf(text).toJSON()).toMatchObject({
      code: 'SPEC_INVALID',
      retryable: false,
      problems: [
        { line: 1, column: 7, path: 'name' },
        {
          line: 2,
          column: 1,
          path: 'porrt',
          message: 'unknown key "porrt" at the top level; did you mean "port"?',
        },
        { line: 4, column: 12, path: 'groups[0].nodes' },
      ],
    })
  })

  test('are cut short in the message, not in the data', () => {
    const many = refusalOf(`name: a\n${Array.from({ length: 50 }, (_, i) => `zzzz${i}: 1`).join('\n')}`)
    expect(many.message.split('\n')).toHaveLength(21)
    expect(many.message).toMatch(/\n\.\.\. and 30 more$/)
    expect(many.problems).toHaveLength(50)
  })
})
