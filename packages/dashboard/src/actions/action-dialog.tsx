import type { Job, Problem } from '@pgherd/core/api'
import { type FormEvent, useState } from 'react'
import { problemOf } from '../api/api-error.js'
import { request } from '../api/request.js'
import { useWords } from '../i18n/use-words.js'
import { Dialog } from '../layout/dialog.js'
import { ProblemNote } from '../layout/problem-note.js'
import { useStateOf, useStore } from '../store/use-state-of.js'
import { type Draft, nameToType, requestOf } from './draft.js'
import { DraftOptions } from './draft-options.js'
import { titleOf, whatItDoes } from './draft-words.js'
import { JobCard } from './job-card.js'

/** Says what an action will do, has it confirmed, and then shows how it goes. */
export function ActionDialog({ first, onClose }: { first: Draft; onClose: () => void }) {
  const words = useWords()
  const { t } = words
  const store = useStore()
  const [draft, setDraft] = useState(first)
  const [typed, setTyped] = useState('')
  const [problem, setProblem] = useState<Problem | null>(null)
  const [isAsking, setIsAsking] = useState(false)
  const [jobId, setJobId] = useState<string | null>(null)
  const job = useStateOf((state) => state.jobs.find(({ id }) => id === jobId))
  const wanted = nameToType(draft)

  const start = async (event: FormEvent) => {
    event.preventDefault()
    setIsAsking(true)
    setProblem(null)
    try {
      const { path, ...options } = requestOf(draft)
      const begun = await request<Job>(path, options)
      store.dispatch({ type: 'jobs', jobs: [begun] })
      setJobId(begun.id)
    } catch (error) {
      setProblem(problemOf(error))
    } finally {
      setIsAsking(false)
    }
  }

  return (
    <Dialog title={titleOf(draft, words)} onClose={onClose}>
      {job === undefined ? (
        <form className="form" onSubmit={start}>
          <p>{whatItDoes(draft, words)}</p>
          <DraftOptions draft={draft} onChange={setDraft} />
          {wanted !== null && (
            <label>
              {t('action.type', { name: wanted })}
              <input autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} />
            </label>
          )}
          {problem !== null && <ProblemNote problem={problem} />}
          <footer>
            <button type="button" onClick={onClose}>
              {t('cancel')}
            </button>
            <button
              type="submit"
              className={wanted === null ? 'primary' : 'danger'}
              disabled={isAsking || (wanted !== null && typed !== wanted)}
            >
              {t(`action.${draft.kind === 'chaos' ? draft.action : draft.kind}`)}
            </button>
          </footer>
        </form>
      ) : (
        <div className="form">
          <JobCard job={job} />
          <footer>
            <button type="button" className="primary" onClick={onClose}>
              {t('close')}
            </button>
          </footer>
        </div>
      )}
    </Dialog>
  )
}
