import { useWords } from '../i18n/use-words.js'
import { useStateOf } from '../store/use-state-of.js'

/** How an application comes in: the first thing a person asks of a herd that runs. */
export function Connect() {
  const { t } = useWords()
  const dsn = useStateOf((state) => state.herd?.proxy?.dsn ?? null)
  if (dsn === null) return null
  return (
    <p className="connect small">
      <span className="quiet">{t('herd.connect')}</span> <code>{dsn}</code>{' '}
      <span className="quiet">{t('herd.password')}</span>
    </p>
  )
}
