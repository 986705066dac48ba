import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type Language, MESSAGES, preferredLanguage, translate } from '../../src/i18n/translate.js'

const SOURCES = fileURLToPath(new URL('../../src', import.meta.url))
const PACKAGES = fileURLToPath(new URL('../../..', import.meta.url))
const OTHERS = Object.keys(MESSAGES).filter((language) => language !== 'en') as Language[]

function sourcesIn(folder: string, isWanted: (name: string) => boolean = () => true): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && isWanted(name))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
}

function placesIn(sentence: string): string[] {
  return [...sentence.matchAll(/\{\w+\}/g)].map(([place]) => place).sort()
}

describe.each(OTHERS)('in %s', (language) => {
  test('there is every sentence of the English page, and no other', () => {
    expect(Object.keys(MESSAGES[language]).sort()).toEqual(Object.keys(MESSAGES.en).sort())
  })

  test.each(Object.entries(MESSAGES.en))('%s has the same places to fill in', (key, english) => {
    const sentence = MESSAGES[language][key as keyof typeof MESSAGES.en]
    expect(sentence.trim()).not.toBe('')
    expect(placesIn(sentence)).toEqual(placesIn(english))
  })
})

test('no sentence is kept that nothing says', () => {
  const code = sourcesIn(SOURCES, (name) => !name.startsWith('i18n')).join('\n')
  const unsaid = Object.keys(MESSAGES.en).filter((key) => {
    const prefix = key.slice(0, key.lastIndexOf('.'))
    return ![`'${key}'`, `\`${prefix}.\${`, `('${prefix}', `].some((use) => code.includes(use))
  })
  expect(unsaid).toEqual([])
})

test('every kind of event that is told of has words', () => {
  const kinds = ['cluster/src', 'core/src/failover', 'pgherd/src'].flatMap((folder) =>
    sourcesIn(join(PACKAGES, folder)).flatMap((code) =>
      [...code.matchAll(/\b(?:tell|event)\(\s*'([a-z]+(?:-[a-z]+)+)'/g)].map(([, kind]) => `kind.${kind}`),
    ),
  )
  expect(kinds.length).toBeGreaterThan(20)
  expect(kinds.filter((kind) => !(kind in MESSAGES.en))).toEqual([])
})

test('what is not filled in stays to be seen', () => {
  expect(translate('en', 'herd.nodesOf', { group: 'main' })).toBe('Nodes of main')
  expect(translate('en', 'herd.nodesOf')).toContain('{group}')
})

test.each([
  [['es-MX', 'en'], 'es'],
  [['fr', 'es'], 'es'],
  [['fr'], 'en'],
  [[], 'en'],
])('of %j the page speaks %s', (wanted, language) => {
  expect(preferredLanguage(wanted)).toBe(language)
})
