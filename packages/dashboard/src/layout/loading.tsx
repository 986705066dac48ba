import { useWords } from '../i18n/use-words.js'

/** Says that something is on its way; it shows itself only when that takes a moment. */
export function Loading() {
  const { t } = useWords()
  return (
    <p className="loading" role="status">
      {t('loading')}
    </p>
  )
}
