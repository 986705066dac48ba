import { expect, test } from 'vitest'
import { parseProxyFile, parseSpec } from '../../src/spec/index.js'

test('a file for a proxy has the fields of the proxy in a spec, the nodes, and the same defaults', () => {
  const { proxy } = parseSpec('name: a', 'herd.yaml')
  expect(parseProxyFile('', 'proxy.yaml')).toEqual(proxy)
  expect(parseProxyFile('nodes: [postgres://a/b]\nport: auto\nmaxClients: 5', 'proxy.yaml')).toEqual({
    ...(proxy as object),
    nodes: ['postgres://a/b'],
    port: 'auto',
    maxClients: 5,
  })
})

test.each([
  ['maxClient: 5', '1:1: unknown key "maxClient" at the top level; did you mean "maxClients"?'],
  ['cert: /a', '1:1: unknown key "cert" at the top level; it belongs in tls'],
  ['nodes: []', '1:8: nodes must be a list of at least one connection string, not a list'],
  ['nodes: postgres://a/b', '1:8: nodes must be a list of connection strings, not "postgres://a/b"'],
  ['port: 0', '1:7: port must be a whole number from 1024 to 65535, or auto, not 0'],
  ['tls: { cert: /a }', '1:6: tls.key is missing'],
  ['- a', '1:1: a spec must be a mapping of keys to values, not a list'],
])('I9: %j is refused with line and column', (text, message) => {
  expect(() => parseProxyFile(text, 'proxy.yaml')).toThrow(
    expect.objectContaining({ code: 'SPEC_INVALID', message: `proxy.yaml:${message}` }),
  )
})
