import { useWords } from '../i18n/use-words.js'
import { linkTo } from '../layout/route.js'
import { useNow } from '../layout/use-now.js'
import { useStateOf } from '../store/use-state-of.js'

/** What happened last in a group. */
export function LastEvent({ group }: { group: string }) {
  const event = useStateOf((state) => state.events.findLast((each) => each.group === group))
  const { t, ago } = useWords()
  const now = useNow()
  if (event === undefined) return <p className="last-event quiet">{t('herd.noEvents')}</p>
  return (
    <p className="last-event">
      <time className="quiet" dateTime={event.at}>
        {ago(now - Date.parse(event.at))}
      </time>{' '}
      <a href={linkTo('timeline', { event: String(event.id) })} lang="en">
        {event.message}
      </a>
    </p>
  )
}
