import { describe, expect, test } from 'vitest'
import { parseSpec } from '../../src/spec/index.js'
import { problemsOf, refusalOf } from './problems-of.js'

describe('a file that is not a YAML mapping is refused', () => {
  test.each([
    ['empty', '', 'herd.yaml:1:1: the spec is empty'],
    ['only comments', '# nothing\n\n', 'herd.yaml:1:1: the spec is empty'],
    ['a list', '- name: a', 'herd.yaml:1:1: a spec must be a mapping of keys to values, not a list'],
    ['a text', 'my-herd', 'herd.yaml:1:1: a spec must be a mapping of keys to values, not "my-herd"'],
    [
      'two documents',
      'name: a\n---\nname: b',
      'herd.yaml:2:1: a spec is one YAML document; remove the "---" and what follows it, or split the file',
    ],
    ['a tab', 'name: a\nprobes:\n\tintervalMs: 100', 'herd.yaml:3:1: a tab cannot indent YAML; use spaces'],
    [
      'an open quote',
      'name: "a\nport: 5440\n',
      'herd.yaml:3:1: this is not valid YAML: Missing closing "quote',
    ],
    ['a foreign tag', 'name: !secret a', 'herd.yaml:1:7: this is not valid YAML: Unresolved tag: !secret'],
    ['another YAML', '%YAML 1.1\n---\nname: a', 'herd.yaml:1:1: a spec is YAML 1.2; remove the %YAML line'],
    ['a key twice', 'name: a\nport: 6000\nname: b', 'herd.yaml:3:1: duplicate key "name"'],
    [
      'a key twice further in',
      'name: a\ngroups:\n  - nodes: 2\n    nodes: 3',
      'herd.yaml:4:5: duplicate key "nodes"',
    ],
    ['a key that is a list', '? [a]\n: 1', 'herd.yaml:1:3: a key in a spec is a plain word'],
    [
      'a key of JavaScript’s own',
      'name: a\npostgres: { settings: { __proto__: 1 } }',
      'herd.yaml:2:25: a key in a spec is a plain word',
    ],
    ['an alias of nothing', 'name: *x', 'herd.yaml:1:7: no anchor "&x" stands above this'],
  ])('%s', (_, text, message) => {
    expect(problemsOf(text)).toBe(message)
  })

  test('aliases that multiply', () => {
    const levels = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`)
    expect(problemsOf(`l0: &l0 [x]\n${levels.join('\n')}`)).toBe(
      'herd.yaml:1:1: the file repeats its anchors too often (YAML aliases that multiply); write the values out',
    )
  })

  test('merge keys, which YAML 1.2 does not have', () => {
    expect(problemsOf('name: a\n<<: { port: 6000 }')).toBe('herd.yaml:2:1: unknown key "<<" at the top level')
  })

  test('an anchor inside itself', () => {
    expect(problemsOf('name: a\ngroups: &g [*g]')).toBe(
      'herd.yaml:2:13: groups[0] must be a mapping, not a list',
    )
  })

  test('nesting without end', () => {
    expect(problemsOf('['.repeat(20_000))).toMatch(
      /^herd.yaml:1:\d+: the file is nested too deeply for a spec$/,
    )
  })

  test('a file that is no spec by its size', () => {
    expect(problemsOf(`name: a\n#${'x'.repeat(100_000)}`)).toBe(
      'herd.yaml:1:1: the file is larger than any spec; is it the right one?',
    )
  })
})

describe('whatever stands in the file', () => {
  const fragments = [
    'name: a',
    'groups:',
    ' - ',
    '{',
    '[',
    '*x',
    '&x ',
    '"',
    '\t',
    '\n',
    '?',
    ': ',
    '!!set',
    '\0',
    '|',
    '%',
  ]

  test('it is a spec or a SpecError, never another exception (I9)', () => {
    for (const a of fragments)
      for (const b of fragments)
        for (const c of fragments) {
          try {
            parseSpec(a + b + c, 'herd.yaml')
          } catch (error) {
            expect(error, JSON.stringify(a + b + c)).toMatchObject({ code: 'SPEC_INVALID' })
          }
        }
  })
})

test('an empty file comes with a hint', () => {
  expect(refusalOf('').hint).toContain('pgherd init')
})
