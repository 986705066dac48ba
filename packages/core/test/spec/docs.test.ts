import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { ERROR_CATALOGUE } from '../../src/errors.js'
import { herdSchema, parseSpec } from '../../src/spec/index.js'

interface DocsGenerator {
  renderSpecFields(schema: object): string
  renderErrors(catalogue: object): string
  renderSchema(schema: object): string
}

const ROOT = new URL('../../../../', import.meta.url)
const read = (path: string) => readFile(new URL(path, ROOT), 'utf8')
const generator = (await import(new URL('scripts/generate-docs.mjs', ROOT).href)) as DocsGenerator

test('docs/spec.md has every field as the program checks it', async () => {
  expect(await read('docs/spec.md')).toContain(generator.renderSpecFields(herdSchema()))
})

test('docs/errors.md has every error of the catalogue', async () => {
  expect(await read('docs/errors.md')).toContain(generator.renderErrors(ERROR_CATALOGUE))
})

test('the published JSON Schema is the one the program checks with', async () => {
  expect(await read('packages/core/herd.schema.json')).toBe(generator.renderSchema(herdSchema()))
})

test('the specs that docs/spec.md shows are specs', async () => {
  const shown = [...(await read('docs/spec.md')).matchAll(/```yaml\n(.*?)```/gs)].map(
    (match) => match[1] ?? '',
  )
  expect(shown).toHaveLength(3)
  for (const text of shown) expect(parseSpec(text, 'spec.md').name).not.toBe('')
})
