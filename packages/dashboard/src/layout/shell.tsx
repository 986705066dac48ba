import type { ReactNode } from 'react'
import { LANGUAGES, type Language } from '../i18n/translate.js'
import { useWords } from '../i18n/use-words.js'
import { healthOfHerd } from '../store/topology.js'
import { useStateOf } from '../store/use-state-of.js'
import { ConnectionBanner } from './connection-banner.js'
import { HealthBadge } from './health-badge.js'
import { Icon } from './icon.js'
import { type Preferences, THEMES, type Theme } from './preferences.js'
import { linkTo, MENU, menuOf, type View } from './route.js'

/** What is around every view: the herd's name and health, the views, and the page's own switches. */
export function Shell({
  view,
  preferences,
  children,
}: {
  view: View
  preferences: Preferences
  children: ReactNode
}) {
  const { t } = useWords()
  const isOld = useStateOf((state) => state.connection === 'lost')
  return (
    <div className="shell">
      <button type="button" className="skip" onClick={() => document.getElementById('content')?.focus()}>
        {t('skip')}
      </button>
      <header className="top">
        <Brand />
        <Switches preferences={preferences} />
      </header>
      <nav aria-label={t('nav.label')}>
        {MENU.map((each) => (
          <a key={each} href={linkTo(each)} aria-current={each === menuOf(view) ? 'page' : undefined}>
            <Icon name={each} />
            <span>{t(`nav.${each}`)}</span>
          </a>
        ))}
      </nav>
      <main id="content" tabIndex={-1} className={isOld ? 'is-old' : undefined}>
        <ConnectionBanner />
        {children}
      </main>
    </div>
  )
}

function Brand() {
  const name = useStateOf((state) => state.topology?.name ?? state.herd?.name ?? 'pgherd')
  const version = useStateOf((state) => state.herd?.version)
  const health = useStateOf((state) => state.topology && healthOfHerd(state.topology))
  return (
    <div className="brand">
      <span className="brand-name" title={version === undefined ? undefined : `pgherd ${version}`}>
        {name}
      </span>
      {health !== null && <HealthBadge health={health} />}
    </div>
  )
}

function Switches({ preferences }: { preferences: Preferences }) {
  const { t } = useWords()
  const { language, theme, choose } = preferences
  return (
    <div className="switches">
      <select
        aria-label={t('language.label')}
        value={language}
        onChange={(event) => choose({ language: event.target.value as Language })}
      >
        {Object.entries(LANGUAGES).map(([each, name]) => (
          <option key={each} value={each} lang={each}>
            {name}
          </option>
        ))}
      </select>
      <select
        aria-label={t('theme.label')}
        value={theme}
        onChange={(event) => choose({ theme: event.target.value as Theme })}
      >
        {THEMES.map((each) => (
          <option key={each} value={each}>
            {t(`theme.${each}`)}
          </option>
        ))}
      </select>
    </div>
  )
}
