import { useWords } from '../i18n/use-words.js'
import { linkTo } from '../layout/route.js'

/** What happened to the herd, and what people had done to it, are two lists in one place. */
export function HistoryTabs({ view }: { view: 'timeline' | 'audit' }) {
  const { t } = useWords()
  return (
    <nav className="tabs" aria-label={t('nav.timeline')}>
      <a href={linkTo('timeline')} aria-current={view === 'timeline' ? 'page' : undefined}>
        {t('timeline.events')}
      </a>
      <a href={linkTo('audit')} aria-current={view === 'audit' ? 'page' : undefined}>
        {t('nav.audit')}
      </a>
    </nav>
  )
}
