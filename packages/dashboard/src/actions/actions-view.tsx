import { useState } from 'react'
import { useWords } from '../i18n/use-words.js'
import { Empty } from '../layout/empty.js'
import { Loading } from '../layout/loading.js'
import { useStateOf } from '../store/use-state-of.js'
import { ActionDialog } from './action-dialog.js'
import type { Draft } from './draft.js'
import { GroupActions } from './group-actions.js'
import { JobCard } from './job-card.js'
import './actions.css'

/** Everything that can be done to the herd from here, and how what was begun goes. */
export function ActionsView({ selected }: { selected: string | null }) {
  const { t } = useWords()
  const topology = useStateOf((state) => state.topology)
  const jobs = useStateOf((state) => state.jobs)
  const herd = useStateOf((state) => state.herd)
  const isLive = useStateOf((state) => state.connection === 'live')
  const [draft, setDraft] = useState<Draft | null>(null)
  return (
    <>
      <h1>{t('nav.actions')}</h1>
      {herd?.may.act === false && <p className="warning">{t('action.mayNot')}</p>}
      {topology === null ? (
        <Loading />
      ) : (
        <div className="columns">
          <div className="stack">
            {topology.groups.map((group) => (
              <GroupActions
                key={group.name}
                group={group}
                selected={selected}
                mayAct={isLive && herd?.may.act === true}
                onChoose={setDraft}
              />
            ))}
          </div>
          <section className="card jobs" aria-label={t('job.all')}>
            <h2>{t('job.all')}</h2>
            {jobs.length === 0 ? (
              <Empty title={t('job.none')} />
            ) : (
              jobs.map((job) => <JobCard key={job.id} job={job} />)
            )}
          </section>
        </div>
      )}
      {draft !== null && <ActionDialog first={draft} onClose={() => setDraft(null)} />}
    </>
  )
}
