import { describe, expect, test } from 'vitest'
import { nodeNames } from '../../src/index.js'
import { parseSpec } from '../../src/spec/index.js'
import { problemsOf } from './problems-of.js'

const GROUPS = 'name: shop\ngroups: [{ name: home }, { name: s, count: 3, nodes: 2 }]\n'

function shardingOf(lines: string) {
  return parseSpec(`${GROUPS}sharding: ${lines}`, 'herd.yaml').sharding
}

describe('a group with a count', () => {
  test('is that many groups, numbered, in the place where it stands', () => {
    const { groups } = parseSpec(
      'name: a\ngroups: [{ name: a }, { name: s, count: 2, nodes: 1, durability: fast }, {}]',
      'herd.yaml',
    )
    expect(groups.map(({ name }) => name)).toEqual(['a', 's1', 's2', 'main'])
    expect(groups[1]).toEqual({ name: 's1', nodes: 1, durability: 'fast', withoutStandby: 'wait' })
    expect(groups.flatMap(nodeNames)).toEqual([
      'a-1',
      'a-2',
      'a-3',
      's1-1',
      's2-1',
      'main-1',
      'main-2',
      'main-3',
    ])
  })

  test.each([
    ['[{ count: 0 }]', '2:19: groups[0].count must be a whole number from 1 to 64, not 0'],
    ['[{ count: all }]', '2:19: groups[0].count must be a whole number from 1 to 64, not "all"'],
    [
      '[{ name: s2 }, { name: s, count: 3 }]',
      '2:32: groups[1] makes a group "s2", which is the name of groups[0] already',
    ],
    [
      '[{ name: s, count: 3 }, { name: s2 }]',
      '2:41: groups[1].name is "s2", which is the name of groups[0] already',
    ],
    [
      `[{ name: ${'x'.repeat(40)}, count: 2 }]`,
      `2:18: groups[0].name is too long to be numbered: "${'x'.repeat(40)}1" has more than 40 characters`,
    ],
  ])('I9: %s is refused', (groups, message) => {
    expect(problemsOf(`name: a\ngroups: ${groups}\n`)).toContain(`herd.yaml:${message}`)
  })

  test('counts for the ports: the proxy goes out of the way of all of them', () => {
    const spec = parseSpec('name: a\nport: 6400\ngroups: [{ name: s, count: 4, nodes: 10 }]', 'herd.yaml')
    expect(spec.proxy).toMatchObject({ port: 'auto' })
  })
})

describe('sharding', () => {
  test('is absent where nothing is said of it', () => {
    expect('sharding' in parseSpec('name: a', 'herd.yaml')).toBe(false)
  })

  test('is read with every default', () => {
    expect(shardingOf('{ groups: [s1, s2, s3] }')).toEqual({
      strategy: 'consistent-hash',
      groups: ['s1', 's2', 's3'],
      home: 'home',
      tables: {},
      virtualNodes: 4096,
      loadLimit: null,
      keyType: 'integer',
      splits: [],
      sequences: 'refuse',
    })
  })

  test('knows tables by their full names, and keys as lists of columns', () => {
    const tables = '{ users: { key: id }, sales.orders: { key: [shop, id] }, products: { kind: reference } }'
    expect(shardingOf(`{ groups: [s1, s2], tables: ${tables} }`)?.tables).toEqual({
      'public.users': { kind: 'sharded', key: ['id'] },
      'sales.orders': { kind: 'sharded', key: ['shop', 'id'] },
      'public.products': { kind: 'reference' },
    })
  })

  test('refuses sequences unless the person chooses strides', () => {
    expect(shardingOf('{ groups: [s1, s2], sequences: strided }')?.sequences).toBe('strided')
    expect(() => shardingOf('{ groups: [s1, s2], sequences: shared }')).toThrow(
      /sharding\.sequences must be refuse or strided, not "shared"/,
    )
  })

  test('may be by ranges of any kind of key', () => {
    expect(
      shardingOf('{ strategy: range, groups: [s1, s2, s3], keyType: integer, splits: [-5, 100] }'),
    ).toMatchObject({ splits: [-5, 100] })
    expect(shardingOf('{ strategy: range, groups: [s1, s2], keyType: text, splits: [m] }')).toMatchObject({
      keyType: 'text',
    })
    expect(
      shardingOf(
        '{ strategy: range, groups: [s1, s2], keyType: uuid, splits: [80000000-0000-0000-0000-000000000000] }',
      ),
    ).toMatchObject({ keyType: 'uuid' })
  })

  test('may have its home on a shard, if that is said', () => {
    expect(shardingOf('{ groups: [home, s1, s2, s3], home: s2 }')?.home).toBe('s2')
  })

  test.each([
    ['{}', '3:11: sharding.groups is missing'],
    ['{ groups: [] }', '3:21: sharding.groups must be a list of at least one group, not a list'],
    ['{ groups: s1 }', '3:21: sharding.groups must be a list of groups, not "s1"'],
    [
      '{ groups: [s1], strategy: hash }',
      '3:37: sharding.strategy must be consistent-hash, modulo or range, not "hash"',
    ],
    ['{ groups: [s1], strategy: consistent-hsah }', 'did you mean "consistent-hash"?'],
    ['{ groups: [s1], vnodes: 5 }', '3:27: unknown key "vnodes" in sharding'],
    ['{ groups: [s1], virtualNode: 5 }', 'did you mean "virtualNodes"?'],
    [
      '{ groups: [s1, s9] }',
      '3:26: sharding.groups[1] is "s9", which is no group of this herd; did you mean "s1"?',
    ],
    [
      '{ groups: [s] }',
      '3:22: sharding.groups[0] is "s", which is no group of this herd; did you mean "s1"?',
    ],
    [
      '{ groups: [customers] }',
      '3:22: sharding.groups[0] is "customers", which is no group of this herd; there are home, s1, s2, s3',
    ],
    ['{ groups: [s1, s2, s1] }', '3:30: sharding.groups[2] is "s1", as is sharding.groups[0] already'],
    [
      '{ groups: [s1], home: hom }',
      '3:33: sharding.home is "hom", which is no group of this herd; did you mean "home"?',
    ],
    [
      '{ groups: [home, s1, s2, s3] }',
      '3:1: sharding.home is missing: every group is a shard, so say which one has the tables that are not named',
    ],
    ['{ groups: [s1], tables: { users: } }', '3:37: sharding.tables.users must be a mapping, not nothing'],
    [
      '{ groups: [s1], tables: { users: {} } }',
      '3:37: sharding.tables.users has no key; write "key: COLUMN", or "kind: reference" for a full copy on every shard',
    ],
    [
      '{ groups: [s1], tables: { users: { kye: id } } }',
      'unknown key "kye" in sharding.tables.users; did you mean "key"?',
    ],
    [
      '{ groups: [s1], tables: { users: { kind: copy } } }',
      'sharding.tables.users.kind must be sharded or reference, not "copy"',
    ],
    [
      '{ groups: [s1], tables: { users: { key: 5 } } }',
      'sharding.tables.users.key must be the name of a column, or a list of them, not 5',
    ],
    [
      '{ groups: [s1], tables: { users: { key: [] } } }',
      'sharding.tables.users.key must be the name of a column, or a list of them, not a list',
    ],
    [
      '{ groups: [s1], tables: { users: { key: [id, id] } } }',
      'sharding.tables.users has the column "id" twice in its key',
    ],
    [
      '{ groups: [s1], tables: { users: { key: id, kind: reference } } }',
      'sharding.tables.users is a reference table, which is on every shard and has no key',
    ],
    [
      '{ groups: [s1], tables: { users: { key: id }, public.users: { key: id } } }',
      'sharding.tables.public.users is the same table as "users"',
    ],
    ['{ groups: [s1], tables: { users: { key: id }, users: { key: id } } }', 'duplicate key "users"'],
    [
      '{ groups: [s1], tables: { a.b.c: { key: id } } }',
      'sharding.tables.a.b.c is not the name of a table, with or without its schema in front',
    ],
    [
      '{ groups: [s1], strategy: modulo, virtualNodes: 5 }',
      '3:45: sharding.virtualNodes is for the strategy consistent-hash, and the strategy is modulo',
    ],
    [
      '{ groups: [s1], splits: [5] }',
      'sharding.splits is for the strategy range, and the strategy is consistent-hash',
    ],
    [
      '{ groups: [s1], loadLimit: 0.5 }',
      'sharding.loadLimit must be a number from 1 to 1000, or null, not 0.5',
    ],
    [
      '{ groups: [s1], strategy: range, splits: [] }',
      'sharding.keyType is missing, which the strategy range needs',
    ],
    [
      '{ groups: [s1], strategy: range, keyType: text }',
      'sharding.splits is missing, which the strategy range needs',
    ],
    [
      '{ groups: [s1], strategy: range, keyType: integer, splits: [5] }',
      '3:62: sharding.splits cannot be used: 1 split points make 2 ranges, and there are 1 shards',
    ],
    [
      '{ groups: [s1, s2, s3], strategy: range, keyType: integer, splits: [9, 5] }',
      'has 5 after 9, not before',
    ],
    [
      '{ groups: [s1, s2], strategy: range, keyType: integer, splits: [m] }',
      'sharding.splits cannot be used: The line of integer keys has no position "m"',
    ],
    [
      '{ groups: [s1, s2], strategy: range, keyType: text, splits: [m], tables: { a: { key: [b, c] } } }',
      'sharding.tables.a has a key of several columns, which ranges cannot have',
    ],
  ])('I9: %s is refused', (sharding, message) => {
    expect(problemsOf(`${GROUPS}sharding: ${sharding}\n`)).toContain(message)
  })
})
