import { Fragment, type ReactNode } from 'react'
import { formatDay } from '../format/clock.js'
import { useWords } from '../i18n/use-words.js'

/** Entries, the newest first, under the days they are of. */
export function Days<Entry extends { at: string }>({
  entries,
  children,
}: {
  entries: readonly Entry[]
  children: (entry: Entry) => ReactNode
}) {
  const { language } = useWords()
  const days = Map.groupBy(entries, ({ at }) => formatDay(new Date(at), language))
  return [...days].map(([day, those]) => (
    <Fragment key={day}>
      <h2 className="day">{day}</h2>
      <ol className="events card" reversed>
        {those.map(children)}
      </ol>
    </Fragment>
  ))
}
