import { createContext, useContext, useMemo } from 'react'
import { formatAgo } from '../format/ago.js'
import { formatBytes } from '../format/bytes.js'
import { formatCount, formatShare } from '../format/count.js'
import { formatDuration } from '../format/duration.js'
import { type Language, MESSAGES, type MessageKey, translate, type Values } from './translate.js'

export const LanguageContext = createContext<Language>('en')

/** Sentences and figures in the language of the page. */
export interface Words {
  language: Language
  t: (key: MessageKey, values?: Values) => string
  /** A word the API has of its own, where there is one for it here; else the word itself. */
  term: (prefix: string, word: string) => string
  bytes: (bytes: number) => string
  duration: (ms: number) => string
  count: (count: number) => string
  share: (share: number) => string
  ago: (ms: number) => string
}

export function useWords(): Words {
  const language = useContext(LanguageContext)
  return useMemo(() => wordsOf(language), [language])
}

export function wordsOf(language: Language): Words {
  return {
    language,
    t: (key, values) => translate(language, key, values),
    term: (prefix, word) => {
      const key = `${prefix}.${word}`
      return key in MESSAGES[language] ? MESSAGES[language][key as MessageKey] : word
    },
    bytes: (bytes) => formatBytes(bytes, language),
    duration: (ms) => formatDuration(ms, language),
    count: (count) => formatCount(count, language),
    share: (share) => formatShare(share, language),
    ago: (ms) => formatAgo(ms, language),
  }
}
