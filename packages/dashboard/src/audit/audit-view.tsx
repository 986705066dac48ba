import type { AuditView as AuditAnswer, AuditEntry } from '@pgherd/core/api'
import { useEffect, useState } from 'react'
import { useWords } from '../i18n/use-words.js'
import { Empty } from '../layout/empty.js'
import { Loading } from '../layout/loading.js'
import { ProblemNote } from '../layout/problem-note.js'
import { linkTo } from '../layout/route.js'
import { useAnswer } from '../layout/use-answer.js'
import { useStateOf } from '../store/use-state-of.js'
import { Days } from '../timeline/days.js'
import { HistoryTabs } from '../timeline/history-tabs.js'
import { type AuditFilter, askedFor, auditFilterOf, auditPath, PAGE_ENTRIES } from './audit-filter.js'
import { AuditFilters } from './audit-filters.js'
import { AuditItem } from './audit-item.js'
import '../timeline/timeline.css'
import './audit.css'

/** Who did what through the API, for those who may act. */
export function AuditView({ params }: { params: URLSearchParams }) {
  const { t } = useWords()
  const mayAct = useStateOf((state) => state.herd?.may.act ?? null)
  return (
    <>
      <h1>{t('nav.timeline')}</h1>
      <HistoryTabs view="audit" />
      {mayAct === null ? (
        <Loading />
      ) : mayAct ? (
        <Entries filter={auditFilterOf(params)} />
      ) : (
        <Empty title={t('audit.mayNot')}>
          <p>{t('audit.mayNotWhy')}</p>
        </Empty>
      )}
    </>
  )
}

function Entries({ filter }: { filter: AuditFilter }) {
  const { t } = useWords()
  const { answer, problem, isAsking, again } = useAnswer<AuditAnswer>(auditPath(filter))
  const entries = answer?.entries ?? []
  const callers = useCallers(entries, filter.who)
  const oldest = entries.at(-1)
  const hasEarlier = entries.length === PAGE_ENTRIES && oldest !== undefined && oldest.id > 1
  return (
    <>
      <AuditFilters filter={filter} callers={callers}>
        <button type="button" disabled={isAsking} onClick={again}>
          {t('again')}
        </button>
      </AuditFilters>
      {problem !== null && <ProblemNote problem={problem} />}
      {answer === null && problem === null && <Loading />}
      {answer !== null && entries.length === 0 && <NothingFits filter={filter} />}
      <Days entries={entries}>{(entry) => <AuditItem key={entry.id} entry={entry} />}</Days>
      <p className="more row">
        {filter.before !== '' && (
          <a href={linkTo('audit', askedFor({ ...filter, before: '' }))}>{t('audit.newest')}</a>
        )}
        {hasEarlier && (
          <a href={linkTo('audit', askedFor({ ...filter, before: String(oldest.id) }))}>
            {t('audit.earlier')}
          </a>
        )}
      </p>
    </>
  )
}

function NothingFits({ filter }: { filter: AuditFilter }) {
  const { t } = useWords()
  const isFiltered = Object.keys(askedFor(filter)).length > 0
  return (
    <Empty title={t(isFiltered ? 'audit.nothing' : 'audit.empty')}>
      {isFiltered ? <a href={linkTo('audit')}>{t('timeline.all')}</a> : <p>{t('audit.emptyWhy')}</p>}
    </Empty>
  )
}

/** Everybody who was seen since the view was opened: a filter leaves the others to choose. */
function useCallers(entries: readonly AuditEntry[], chosen: string): readonly string[] {
  const [callers, setCallers] = useState<readonly string[]>(chosen === '' ? [] : [chosen])
  useEffect(() => {
    setCallers((known) => {
      const all = new Set([...known, ...entries.map(({ who }) => who), ...(chosen === '' ? [] : [chosen])])
      return all.size === known.length ? known : [...all].sort((a, b) => a.localeCompare(b, 'en'))
    })
  }, [entries, chosen])
  return callers
}
