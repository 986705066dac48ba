import { useWords } from '../i18n/use-words.js'
import type { Health } from '../store/topology.js'

/** How a group or the herd is, as a sign and a word. */
export function HealthBadge({ health }: { health: Health }) {
  const { t } = useWords()
  return (
    <span className={`health health-${health}`}>
      <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        {SIGNS[health]}
      </svg>
      {t(`health.${health}`)}
    </span>
  )
}

const SIGNS: Record<Health, React.ReactNode> = {
  good: <path d="M2 6.5 5 9.5 10 3" fill="none" />,
  degraded: <path d="M6 1.5 11 10.5H1zM6 5v2.5" fill="none" />,
  busy: <path d="M6 1a5 5 0 1 1-5 5" fill="none" />,
  bad: <path d="M2.5 2.5l7 7m0-7-7 7" fill="none" />,
}
