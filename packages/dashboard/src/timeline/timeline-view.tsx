import type { HerdEventView } from '@pgherd/core/api'
import { useWords } from '../i18n/use-words.js'
import { Empty } from '../layout/empty.js'
import { Loading } from '../layout/loading.js'
import { ProblemNote } from '../layout/problem-note.js'
import { linkTo } from '../layout/route.js'
import { useStateOf } from '../store/use-state-of.js'
import { Days } from './days.js'
import { EventItem } from './event-item.js'
import { type EventFilter, filterEvents, filterOf } from './filter-events.js'
import { HistoryTabs } from './history-tabs.js'
import { useEarlierEvents } from './use-earlier-events.js'
import './timeline.css'

/** A page that shows more than this is slow to read and to draw. */
const SHOWN = 500

/** Everything that happened, the newest first, each with its cause. */
export function TimelineView({ params }: { params: URLSearchParams }) {
  const { t } = useWords()
  const events = useStateOf((state) => state.events)
  const hasHeard = useStateOf((state) => state.herd !== null || state.events.length > 0)
  const selectedId = params.has('event') ? Number(params.get('event')) : null
  const { fetchEarlier, isAtStart, problem } = useEarlierEvents(selectedId)
  const filter = filterOf(params)
  const fitting = filterEvents(events, filter)
  const shown = fitting.slice(0, Math.max(SHOWN, fitting.findIndex(({ id }) => id === selectedId) + 20))
  return (
    <>
      <h1>{t('nav.timeline')}</h1>
      <HistoryTabs view="timeline" />
      <Filters events={events} filter={filter} />
      {!hasHeard ? (
        <Loading />
      ) : shown.length === 0 ? (
        <Empty title={t(events.length === 0 ? 'herd.noEvents' : 'timeline.nothing')}>
          {events.length > 0 && <a href={linkTo('timeline')}>{t('timeline.all')}</a>}
        </Empty>
      ) : (
        <Days entries={shown}>
          {(event) => <EventItem key={event.id} event={event} isSelected={event.id === selectedId} />}
        </Days>
      )}
      {problem !== null && <ProblemNote problem={problem} />}
      {!isAtStart && events.length > 0 && (
        <p className="more">
          <button type="button" onClick={fetchEarlier}>
            {t('timeline.earlier')}
          </button>
        </p>
      )}
    </>
  )
}

function Filters({ events, filter }: { events: readonly HerdEventView[]; filter: EventFilter }) {
  const { t, term } = useWords()
  const change = (changed: Partial<EventFilter>) => {
    const kept = Object.entries({ ...filter, ...changed }).filter(([, value]) => value !== '')
    window.location.replace(linkTo('timeline', Object.fromEntries(kept)))
  }
  const choice = (name: 'kind' | 'group' | 'node') => (
    <label>
      {t(`timeline.${name}`)}
      <select value={filter[name]} onChange={(event) => change({ [name]: event.target.value })}>
        <option value="">{t('timeline.any')}</option>
        {valuesOf(events, name, filter[name]).map((value) => (
          <option key={value} value={value}>
            {name === 'kind' ? term('kind', value) : value}
          </option>
        ))}
      </select>
    </label>
  )
  return (
    <search className="filters">
      {choice('kind')}
      {choice('group')}
      {choice('node')}
      <label>
        {t('timeline.text')}
        <input type="search" value={filter.text} onChange={(event) => change({ text: event.target.value })} />
      </label>
    </search>
  )
}

function valuesOf(
  events: readonly HerdEventView[],
  name: 'kind' | 'group' | 'node',
  chosen: string,
): string[] {
  const values = new Set(events.map((event) => event[name]).filter((value) => value !== null))
  if (chosen !== '') values.add(chosen)
  return [...values].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
}
