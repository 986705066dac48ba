import { en } from './en.js'
import { es } from './es.js'

export const LANGUAGES = { en: 'English', es: 'Español' } as const

export type Language = keyof typeof LANGUAGES
/** Every sentence of the page; what stands in braces is filled in. */
export type Messages = Record<keyof typeof en, string>
export type MessageKey = keyof typeof en
export type Values = Readonly<Record<string, string | number>>

export const MESSAGES: Readonly<Record<Language, Messages>> = { en, es }

/** The sentence in the language, filled in. */
export function translate(language: Language, key: MessageKey, values: Values = {}): string {
  return MESSAGES[language][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

/** The language of the page for somebody who has not chosen: the browser's first that there is. */
export function preferredLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const language = tag.slice(0, 2).toLowerCase()
    if (language in LANGUAGES) return language as Language
  }
  return 'en'
}
