import type { HerdEventView } from '@pgherd/core/api'
import { useEffect, useRef } from 'react'
import { formatClock } from '../format/clock.js'
import { useWords } from '../i18n/use-words.js'
import { linkTo } from '../layout/route.js'

/** One event, with what was observed and decided before it. */
export function EventItem({ event, isSelected }: { event: HerdEventView; isSelected: boolean }) {
  const { t, term } = useWords()
  const element = useRef<HTMLLIElement>(null)
  useEffect(() => {
    if (isSelected) element.current?.scrollIntoView({ block: 'center' })
  }, [isSelected])
  const steps = [
    [t('event.observed'), event.cause?.observed ?? null],
    [t('event.decided'), event.cause?.decided ?? null],
  ] as const
  return (
    <li
      ref={element}
      className={isSelected ? 'event is-selected' : 'event'}
      aria-current={isSelected ? 'true' : undefined}
      data-event={event.id}
    >
      <a className="event-time" href={linkTo('timeline', { event: String(event.id) })}>
        <time dateTime={event.at}>{formatClock(new Date(event.at))}</time>
      </a>
      <div>
        <p className="event-message" lang="en">
          {event.message}
        </p>
        <p className="event-facts">
          <span className="tag">{term('kind', event.kind)}</span>
          {event.group !== null && <span>{event.group}</span>}
          {event.node !== null && <a href={linkTo('herd', { node: event.node })}>{event.node}</a>}
        </p>
        {steps.some(([, what]) => what !== null) && (
          <dl className="cause">
            {steps.map(
              ([name, what]) =>
                what !== null && (
                  <div key={name}>
                    <dt>{name}</dt>
                    <dd lang="en">{what}</dd>
                  </div>
                ),
            )}
          </dl>
        )}
      </div>
    </li>
  )
}
