import { useWords } from '../i18n/use-words.js'
import { useStateOf } from '../store/use-state-of.js'
import { useNow } from './use-now.js'

/** Says that what is shown is old, and how old, while the API does not answer. */
export function ConnectionBanner() {
  const connection = useStateOf((state) => state.connection)
  const heardAt = useStateOf((state) => state.heardAt)
  const { t, ago } = useWords()
  const now = useNow()
  if (connection !== 'lost') return null
  return (
    <div className="banner" role="status">
      <span className="spinner" aria-hidden="true" />
      {heardAt === null ? (
        <span>{t('connection.never')}</span>
      ) : (
        <span>
          {t('connection.lost')}{' '}
          <span aria-live="off">{t('connection.old', { ago: ago(now - heardAt) })}</span>
        </span>
      )}
    </div>
  )
}
