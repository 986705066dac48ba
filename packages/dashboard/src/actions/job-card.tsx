import type { Job, Problem } from '@pgherd/core/api'
import { useState } from 'react'
import { problemOf } from '../api/api-error.js'
import { request } from '../api/request.js'
import { useWords } from '../i18n/use-words.js'
import { ProblemNote } from '../layout/problem-note.js'
import { useNow } from '../layout/use-now.js'
import { useStateOf, useStore } from '../store/use-state-of.js'

/** How an action goes, or went; and the way back where there is one. */
export function JobCard({ job }: { job: Job }) {
  const { t, ago, share } = useWords()
  const now = useNow()
  return (
    <article className={`job job-${job.state}`} data-job={job.kind} data-state={job.state}>
      <header className="row">
        <h3 lang="en">{job.title}</h3>
        <span className="job-state">{t(`job.${job.state}`)}</span>
      </header>
      {job.state === 'running' && (
        <>
          <progress aria-label={job.title} {...(job.progress === null ? {} : { value: job.progress })} />
          <p className="quiet small" role="status">
            <span lang="en">{job.step}</span> {job.progress !== null && share(job.progress)}
          </p>
        </>
      )}
      {job.error !== null && <ProblemNote problem={{ ...job.error, detail: job.error.message }} />}
      <footer className="row">
        <time className="quiet small" dateTime={job.startedAt}>
          {ago(now - Date.parse(job.startedAt))}
        </time>
        {job.state === 'done' && job.undo !== null && <Undo undo={job.undo} />}
      </footer>
    </article>
  )
}

function Undo({ undo }: { undo: NonNullable<Job['undo']> }) {
  const { t } = useWords()
  const store = useStore()
  const mayAct = useStateOf((state) => state.herd?.may.act ?? false)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [isAsked, setIsAsked] = useState(false)
  // What is deleted cannot be had again: that takes a second word.
  const [isSure, setIsSure] = useState(undo.method !== 'DELETE')
  const takeBack = async () => {
    setIsAsked(true)
    try {
      const { method, path, body } = undo
      // The page may be served below another path than the root.
      const job = await request<Job>(path.replace(/^\//, ''), { method, ...(body === null ? {} : { body }) })
      store.dispatch({ type: 'jobs', jobs: [job] })
    } catch (error) {
      setIsAsked(false)
      setProblem(problemOf(error))
    }
  }
  return (
    <>
      {isSure && undo.method === 'DELETE' ? (
        <button type="button" className="danger" disabled={isAsked || !mayAct} onClick={takeBack}>
          {t('job.delete')}
        </button>
      ) : (
        <button
          type="button"
          disabled={isAsked || !mayAct}
          onClick={isSure ? takeBack : () => setIsSure(true)}
        >
          {t('job.undo')}: <span lang="en">{undo.title}</span>
        </button>
      )}
      {problem !== null && <ProblemNote problem={problem} />}
    </>
  )
}
