import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { exampleSpec, herdSchema } from '../../src/spec/index.js'

const accepts = new Ajv({ strict: true, strictTypes: false }).compile(herdSchema())

test('the schema accepts the example and the shortest spec', () => {
  expect(accepts(parse(exampleSpec('my-herd')))).toBe(true)
  expect(accepts({ name: 'a' })).toBe(true)
  expect(accepts({ name: 'a', proxy: false })).toBe(true)
})

test.each([
  ['no name', {}],
  ['a bad name', { name: 'My Herd' }],
  ['an unknown key', { name: 'a', nodes: 3 }],
  ['an unknown key in a group', { name: 'a', groups: [{ nodez: 3 }] }],
  ['too many nodes', { name: 'a', groups: [{ nodes: 17 }] }],
  ['no groups', { name: 'a', groups: [] }],
  ['an unknown durability', { name: 'a', groups: [{ durability: 'safe' }] }],
  ['a low port', { name: 'a', port: 80 }],
  ['a port that is text', { name: 'a', port: '5440' }],
  ['an old PostgreSQL', { name: 'a', postgres: { version: 14 } }],
  ['a setting pgherd owns', { name: 'a', postgres: { settings: { port: 1 } } }],
  ['a setting over two lines', { name: 'a', postgres: { settings: { work_mem: '1\n2' } } }],
  ['a reserved database', { name: 'a', database: 'postgres' }],
  ['a proxy that is true', { name: 'a', proxy: true }],
  ['an unknown key of the proxy', { name: 'a', proxy: { max: 1 } }],
])('the schema rejects %s', (_, spec) => {
  expect(accepts(spec)).toBe(false)
})

describe('every field', () => {
  interface Field {
    description?: string
    properties?: Record<string, Field>
    items?: Field
    anyOf?: Field[]
  }
  const fields = (schema: Field, path = ''): [string, Field][] =>
    [schema, schema.items, ...(schema.anyOf ?? [])].flatMap((each) =>
      Object.entries(each?.properties ?? {}).flatMap(([key, field]): [string, Field][] => [
        [`${path}${key}`, field],
        ...fields(field, `${path}${key}.`),
      ]),
    )

  test.each(fields(herdSchema() as Field))('%s is described', (_, field) => {
    expect(field.description).toMatch(/\.$/)
  })
})
