import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const DOCS = fileURLToPath(new URL('../../../../docs/client.md', import.meta.url))

/** Layout, and what a test adds by spreading or after the options that count, make no difference. */
function essenceOf(code: string): string {
  return code
    .replace(/,?\s*\.\.\.\w+/g, '')
    .replace(/\s+/g, '')
    .replace(/,([}\])])/g, '$1')
}

/** The code of each subsection of "With your library", by its heading. */
function snippets(): [string, string[]][] {
  const section = /\n## With your library\n(.*?)\n## /s.exec(readFileSync(DOCS, 'utf8'))?.[1] ?? ''
  return section
    .split('\n### ')
    .slice(1)
    .map((text) => {
      const code = [...text.matchAll(/```ts\n(.*?)```/gs)].flatMap(([, lines = '']) =>
        lines.trim().split('\n'),
      )
      return [text.slice(0, text.indexOf('\n')), code]
    })
}

test('every library has a snippet', () => {
  expect(snippets().map(([name]) => name)).toEqual([
    'Kysely',
    'Drizzle',
    'Knex',
    'TypeORM',
    'pg-boss',
    'graphile-worker',
  ])
})

test.each(snippets())('what the docs say of %s is what its test runs', (name, code) => {
  const source = readFileSync(new URL(`./${name.toLowerCase()}.test.ts`, import.meta.url), 'utf8')
  for (const line of code) {
    const call = essenceOf(line.replace(/^const \w+ = (?:await )?/, ''))
    // An object may have more in the test than in the docs.
    expect(essenceOf(source).includes(call.replace(/\}+\)$/, '')), line).toBe(true)
  }
})
