import { useEffect, useState } from 'react'
import { LANGUAGES, type Language, preferredLanguage } from '../i18n/translate.js'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const LANGUAGE_KEY = 'pgherd.language'
const THEME_KEY = 'pgherd.theme'

/** What a person chose about the page itself; kept by the browser, and put on the document's root. */
export interface Preferences {
  language: Language
  theme: Theme
  choose: (changed: { language?: Language; theme?: Theme }) => void
}

export function usePreferences(): Preferences {
  const [language, setLanguage] = useState(keptLanguage)
  const [theme, setTheme] = useState(keptTheme)
  useEffect(() => {
    document.documentElement.lang = language
    document.documentElement.dataset.theme = theme
  }, [language, theme])
  const choose: Preferences['choose'] = (changed) => {
    if (changed.language !== undefined) setLanguage(changed.language)
    if (changed.theme !== undefined) setTheme(changed.theme)
    localStorage.setItem(LANGUAGE_KEY, changed.language ?? language)
    localStorage.setItem(THEME_KEY, changed.theme ?? theme)
  }
  return { language, theme, choose }
}

function keptLanguage(): Language {
  const kept = localStorage.getItem(LANGUAGE_KEY)
  return kept !== null && kept in LANGUAGES ? (kept as Language) : preferredLanguage(navigator.languages)
}

function keptTheme(): Theme {
  const kept = localStorage.getItem(THEME_KEY)
  return THEMES.find((theme) => theme === kept) ?? 'system'
}
